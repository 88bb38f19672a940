// Gradients of single ops against PyTorch's in double: tests/golden/make_op_gradients.py wrote them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "dunlin/session.h"
#include "graph/autodiff/differentiate.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/passes/training_mode.h"
#include "graph/sample.h"
#include "graph/testing/noise.h"

namespace dunlin {
namespace {

struct OpCase {
  std::string name, op, domain, attributes, inputs;
  int opset = 0, outputs = 1;
  std::vector<uint64_t> keys;  // of the inputs (0: its values are given), then of the outputs
  double value = 0;
  std::map<size_t, std::vector<double>> gradients;
};

template <typename T>
std::vector<T> rest_of(std::istream& line) {
  std::vector<T> out;
  for (T v; line >> v;) out.push_back(v);
  return out;
}

std::vector<OpCase> read_cases() {
  const char* const fresh = std::getenv("DUNLIN_GOLDEN_DIR");
  const std::string folder = fresh ? fresh : DUNLIN_SOURCE_DIR "/tests/golden";
  std::ifstream file(folder + "/op_gradients.txt");
  std::vector<OpCase> out;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string word, bar;
    line >> word;
    if (word == "case") {
      OpCase& c = out.emplace_back();
      line >> c.name >> bar >> c.op >> c.opset >> c.outputs >> bar;
      std::getline(line, c.attributes, '|');
      std::getline(line, c.inputs);
      if (const size_t dot = c.op.find('.'); dot != std::string::npos) {
        c.domain = c.op.substr(0, dot);
        c.op = c.op.substr(dot + 1);
      }
    } else if (word == "keys") {
      out.back().keys = rest_of<uint64_t>(line);
    } else if (word == "value") {
      line >> out.back().value;
    } else {
      size_t input = 0;
      line >> input;
      out.back().gradients[input] = rest_of<double>(line);
    }
  }
  return out;
}

class GoldenOpGradients : public testing::TestWithParam<OpCase> {};

/// The case's inputs in place of the random ones. Ranges are whole numbers: see make_sample().
void fill_inputs(const OpCase& c, SampleCase& s, Format format) {
  std::vector<std::string> words;
  std::istringstream list(c.inputs);
  for (std::string word; list >> word;) words.push_back(word);
  size_t next = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (c.keys[i] == 0) continue;
    Tensor& t = s.inputs.at(next++);
    ASSERT_EQ(t.format(), format);
    double lo = -1, hi = 1;
    if (const size_t at = words[i].find('@'); at != std::string::npos) {
      lo = std::stod(words[i].substr(at + 1));
      hi = std::stod(words[i].substr(words[i].find("..", at) + 2));
    }
    for (int64_t e = 0; e < t.num_elements(); ++e) {
      const double noise = static_cast<double>(golden_noise(static_cast<uint64_t>(e), c.keys[i]));
      const auto x = static_cast<float>(lo + (hi - lo) * (noise + 1) / 2);
      if (format == &formats::kF64)
        t.data<double>()[e] = static_cast<double>(x);
      else
        t.data<float>()[e] = x;
    }
  }
  ASSERT_EQ(next, s.inputs.size());
}

struct Prepared {
  Graph graph;  // outputs: those of the op, then the gradients
  std::vector<Tensor> inputs, seeds;
};

Prepared prepare(const OpCase& c, Format format) {
  const OpDef* op = find_op(c.domain, c.op, c.opset);
  if (!op) fail(ErrorCode::kUnsupported, "{}", c.op);
  const Sample sample{.attributes = c.attributes, .inputs = c.inputs, .opset = c.opset, .outputs = c.outputs};
  SampleCase s = make_sample(*op, sample, 1, format);
  fill_inputs(c, s, format);
  const std::vector<Tensor> y = evaluate(s.graph, s.inputs);
  // As training prepares a graph, but for statistics that stay.
  Graph g = to_training_mode(infer_and_fold(s.graph), {.batch_norm = false}).graph;
  std::vector<Seed> seeds;
  Prepared out;
  for (size_t k = 0; k < y.size(); ++k) {
    auto seed = std::make_shared<Tensor>(format, y[k].shape());
    const uint64_t key = c.keys[c.keys.size() - y.size() + k];
    for (int64_t e = 0; e < seed->num_elements(); ++e) {
      const float noise = golden_noise(static_cast<uint64_t>(e), key);
      if (format == &formats::kF64)
        seed->data<double>()[e] = static_cast<double>(noise);
      else
        seed->data<float>()[e] = noise;
    }
    out.seeds.push_back(seed->view());
    seeds.push_back({g.outputs[k], g.add_initializer(fmt::format("seed{}", k), seed)});
  }
  const std::vector<ValueId> wrt = g.inputs;
  Differentiated d = backpropagate(std::move(g), seeds, wrt);
  d.graph.outputs.resize(y.size());
  for (ValueId v : d.gradients) {
    if (v == kNoValue) fail(ErrorCode::kUnsupported, "{}: an input has no gradient", c.name);
    d.graph.outputs.push_back(v);
  }
  out.graph = remove_dead(std::move(d.graph));
  out.inputs = std::move(s.inputs);
  return out;
}

template <typename T>
void check(const OpCase& c, const Prepared& p, const std::vector<Tensor>& out, double tolerance) {
  double value = 0, terms = 0;
  for (size_t k = 0; k < p.seeds.size(); ++k) {
    const auto y = out[k].values<T>(), seed = p.seeds[k].values<T>();
    ASSERT_EQ(y.size(), seed.size());
    for (size_t e = 0; e < y.size(); ++e) {
      value += static_cast<double>(y[e]) * static_cast<double>(seed[e]);
      terms += std::fabs(static_cast<double>(y[e]) * static_cast<double>(seed[e]));
    }
  }
  EXPECT_NEAR(value, c.value, tolerance * (1 + terms));
  size_t next = p.seeds.size();
  for (const auto& [input, expected] : c.gradients) {
    const auto got = out.at(next++).values<T>();
    ASSERT_EQ(got.size(), expected.size()) << "input " << input;
    double largest = 0;
    for (double v : expected) largest = std::max(largest, std::fabs(v));
    for (size_t e = 0; e < expected.size(); ++e)
      EXPECT_NEAR(static_cast<double>(got[e]), expected[e], tolerance * (1 + largest))
          << "input " << input << "[" << e << "]";
  }
  EXPECT_EQ(next, out.size());
}

TEST_P(GoldenOpGradients, AgreeWithPyTorch) {
  const OpCase& c = GetParam();
  {
    SCOPED_TRACE("references in double; the file holds seven digits");
    const Prepared p = prepare(c, &formats::kF64);
    check<double>(c, p, evaluate(p.graph, p.inputs), 2e-7);
  }
  const Prepared p = prepare(c, &formats::kF32);
  const auto graph = std::make_shared<const Graph>(p.graph);
  for (int threads : {1, 2}) {
    SCOPED_TRACE(testing::Message() << "kernels, " << threads << " threads");
    Session session(graph, {.num_threads = threads});
    check<float>(c, p, session.run(p.inputs, {.training = true}), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, GoldenOpGradients, testing::ValuesIn(read_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace dunlin
