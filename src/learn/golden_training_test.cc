// Whole training steps of a network with every kind of block (convolutions, depthwise, batch norm, squeeze
// and excite, attention, layer norm) against PyTorch's in double: tests/golden/make_training.py wrote them.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "graph/onnx/import.h"
#include "graph/testing/noise.h"
#include "learn/testing/memory_dataset.h"
#include "learn/trainer.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using testing::MemoryDataset;

struct GoldenRun {
  std::string optimizer;
  double learning_rate = 0;
  std::vector<double> losses;
  struct Weight {
    size_t stride = 1;
    std::vector<double> values;
  };
  std::map<std::string, Weight> after;
};

struct Golden {
  Model model;
  std::vector<float> x;
  std::vector<GoldenRun> runs;
};

std::vector<double> rest_of(std::istream& line) {
  std::vector<double> out;
  for (double v; line >> v;) out.push_back(v);
  return out;
}

constexpr int64_t kSamples = 4, kClasses = 3;
const Shape kInput{3, 8, 8};

Golden read_golden() {
  const std::string base = std::string(DUNLIN_SOURCE_DIR) + "/tests/golden/training";
  Golden out{.model = load_onnx(base + ".onnx"), .x = {}, .runs = {}};
  Graph& g = out.model.graph;
  std::ifstream file(base + ".txt");
  EXPECT_TRUE(file);
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string word, name;
    line >> word;
    if (word == "losses") {
      out.runs.back().losses = rest_of(line);
      continue;
    }
    line >> name;
    if (word == "optimizer") {
      out.runs.push_back({.optimizer = name});
      line >> out.runs.back().learning_rate;
    } else if (word == "after") {
      auto& weight = out.runs.back().after[name];
      line >> weight.stride;
      weight.values = rest_of(line);
    } else {
      uint64_t key = 0;
      float scale = 0, shift = 0;
      line >> key >> scale >> shift;
      const auto value = [&](int64_t i) {
        return scale * golden_noise(static_cast<uint64_t>(i), key) + shift;
      };
      if (name == "x") {
        for (int64_t i = 0; i < kSamples * kInput.num_elements(); ++i) out.x.push_back(value(i));
        continue;
      }
      const ValueId v = g.find(name);
      if (v == kNoValue) continue;  // PyTorch leaves out what its graph does not read
      auto t = std::make_shared<Tensor>(&formats::kF32, *g.type(v).shape);
      for (int64_t i = 0; i < t->num_elements(); ++i) t->data<float>()[i] = value(i);
      g.initializers[v] = t;
      std::erase(g.inputs, v);
    }
  }
  return out;
}

TEST(GoldenTraining, FollowsPyTorchOnOneAndTwoThreads) {
  const Golden golden = read_golden();
  ASSERT_EQ(golden.model.graph.inputs.size(), 1u);
  ASSERT_EQ(golden.runs.size(), 3u);
  std::vector<MemoryDataset::Row> rows;
  const int64_t n = kInput.num_elements();
  for (int64_t i = 0; i < kSamples; ++i)
    rows.push_back(
        {{golden.x.begin() + i * n, golden.x.begin() + (i + 1) * n}, static_cast<int>(i % kClasses), "", {}});
  const auto data = std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a", "b", "c"});
  Task task;
  task.input = kInput;
  task.labels = {"a", "b", "c"};
  for (const GoldenRun& run : golden.runs)
    for (int threads : {1, 2}) {
      SCOPED_TRACE(run.optimizer + ", " + std::to_string(threads) + " threads");
      Trainer trainer(golden.model, task,
                      {.epochs = static_cast<int64_t>(run.losses.size()),
                       .batch = kSamples,
                       .optimizer = parse_optimizer(run.optimizer),
                       .learning_rate = run.learning_rate,
                       .pool = std::make_shared<ThreadPool>(threads)});
      EXPECT_EQ(trainer.trained().size(), run.after.size());
      std::vector<double> losses;
      trainer.train(data, [&](const Progress& p) {
        losses.push_back(p.batch_loss);
        return true;
      });
      ASSERT_EQ(losses.size(), run.losses.size());
      for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], run.losses[i], 2e-5) << "step " << i;
      for (const auto& [name, weight] : run.after) {
        const auto got = trainer.value(name).values<float>();
        for (size_t i = 0; i < weight.values.size(); ++i)
          EXPECT_NEAR(got[i * weight.stride], weight.values[i], 5e-5)
              << name << "[" << i * weight.stride << "]";
      }
    }
}

}  // namespace
}  // namespace dunlin
