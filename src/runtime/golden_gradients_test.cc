// Gradients of whole blocks against PyTorch's, which tests/golden/make_gradients.py wrote: by the references,
// and by planned kernels on one and two threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "dunlin/session.h"
#include "graph/autodiff/differentiate.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/onnx/import.h"
#include "graph/passes/training_mode.h"
#include "graph/testing/noise.h"

namespace dunlin {
namespace {

struct Golden {
  std::map<std::string, TensorPtr> inputs;
  double loss = 0;
  struct Gradient {
    size_t stride = 1;
    std::vector<double> values;
  };
  std::map<std::string, Gradient> gradients;
  std::map<std::string, std::vector<double>> running;
};

std::vector<double> rest_of(std::istream& line) {
  std::vector<double> out;
  for (double v; line >> v;) out.push_back(v);
  return out;
}

Golden read_golden(const std::string& path, const Graph& g) {
  Golden out;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string word, name;
    line >> word;
    if (word == "loss") {
      line >> out.loss;
      continue;
    }
    line >> name;
    if (word == "grad") {
      auto& gradient = out.gradients[name];
      line >> gradient.stride;
      gradient.values = rest_of(line);
    } else if (word == "running") {
      out.running[name] = rest_of(line);
    } else {
      const Type& type = g.type(g.find(name));
      auto t = std::make_shared<Tensor>(type.format, *type.shape);
      uint64_t key = 0;
      float scale = 0, shift = 0;
      line >> key >> scale >> shift;
      for (int64_t i = 0; i < t->num_elements(); ++i) {
        if (word == "labels")
          t->data<int64_t>()[i] = (3 * i + 1) % static_cast<int64_t>(key);
        else
          t->data<float>()[i] = scale * golden_noise(static_cast<uint64_t>(i), key) + shift;
      }
      out.inputs[name] = std::move(t);
    }
  }
  return out;
}

/// rtol 1e-4, with room for what cancels: 1e-5 of the largest value.
void expect_close(std::span<const float> got, const std::vector<double>& expected, size_t stride,
                  const std::string& name) {
  ASSERT_EQ((got.size() + stride - 1) / stride, expected.size()) << name;
  double largest = 0;
  for (double v : expected) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got[i * stride], expected[i], 1e-4 * std::fabs(expected[i]) + 1e-5 * largest + 1e-7)
        << name << "[" << i * stride << "]";
}

class GoldenGradients : public testing::TestWithParam<const char*> {};

TEST_P(GoldenGradients, AgreeWithPyTorch) {
  // Another folder: numbers that this machine's PyTorch has just written (`make test-peers`).
  const char* const fresh = std::getenv("DUNLIN_GOLDEN_DIR");
  const std::string folder = fresh ? fresh : DUNLIN_SOURCE_DIR "/tests/golden";
  const std::string base = folder + "/" + GetParam();
  Graph g = load_onnx(base + ".onnx").graph;
  const Golden golden = read_golden(base + ".txt", g);
  // The files carry no weights: all inputs are filled by formula, and become weights.
  for (const auto& [name, tensor] : golden.inputs) g.initializers[g.find(name)] = tensor;
  std::erase_if(g.inputs, [&](ValueId v) { return golden.inputs.contains(g.value_name(v)); });
  ASSERT_TRUE(g.inputs.empty());

  InferOptions options;
  for (const auto& [name, tensor] : golden.inputs) options.variable.insert(g.find(name));
  TrainingGraph t = to_training_mode(infer_and_fold(std::move(g), options));
  t.graph = infer_and_fold(std::move(t.graph), options);
  std::vector<std::string> names;
  std::vector<ValueId> wrt;
  for (const auto& [name, gradient] : golden.gradients) {
    names.push_back(name);
    wrt.push_back(t.graph.find(name));
    ASSERT_NE(wrt.back(), kNoValue) << name;
  }
  const ValueId loss = t.graph.outputs[0];
  Differentiated d = differentiate(std::move(t.graph), loss, wrt);
  d.graph.outputs = {loss};
  for (ValueId v : d.gradients) {
    ASSERT_NE(v, kNoValue);
    d.graph.outputs.push_back(v);
  }
  for (const RunningStatistic& r : t.running) d.graph.outputs.push_back(r.updated);

  const auto graph = std::make_shared<const Graph>(remove_dead(std::move(d.graph)));
  EXPECT_EQ(t.running.size(), golden.running.size());
  const auto check = [&](const std::vector<Tensor>& out) {
    EXPECT_NEAR(out[0].values<float>()[0], golden.loss, 1e-5 * std::fabs(golden.loss));
    for (size_t i = 0; i < names.size(); ++i) {
      const auto& expected = golden.gradients.at(names[i]);
      expect_close(out[1 + i].values<float>(), expected.values, expected.stride, names[i]);
    }
    for (size_t i = 0; i < t.running.size(); ++i) {
      const std::string& name = graph->value_name(t.running[i].stored);
      ASSERT_TRUE(golden.running.contains(name)) << name;
      expect_close(out[1 + names.size() + i].values<float>(), golden.running.at(name), 1, name);
    }
  };
  {
    SCOPED_TRACE("references");
    check(evaluate(*graph, {}, {.seed = 1, .training = true}));
  }
  for (int threads : {1, 2}) {
    SCOPED_TRACE(testing::Message() << "kernels, " << threads << " threads");
    SessionOptions session_options{.num_threads = threads};
    for (const auto& [name, tensor] : golden.inputs)
      if (graph->find(name) != kNoValue && graph->initializer(graph->find(name)))
        session_options.variables.push_back(name);
    Session session(graph, session_options);
    for (int run = 0; run < 2; ++run)
      check(session.run(std::span<const Tensor>{}, {.seed = 1, .training = true}));
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, GoldenGradients,
                         testing::Values("lenet", "resnet_block", "inverted_bottleneck", "encoder",
                                         "encoder_opset17", "rnn", "lstm", "gru"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dunlin
