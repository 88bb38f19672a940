#include "learn/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/onnx/export.h"
#include "learn/testing/memory_dataset.h"
#include "learn/testing/small_models.h"
#include "learn/testing/temp_folder.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using namespace dunlin::testing;
using ::testing::HasSubstr;

/// `count` waves of 36 values, classes 0, 1, 2, 1, 0, 0, 1, ...
DatasetPtr waves(int64_t count, int64_t size = 36, double shift = 0) {
  const int classes[] = {0, 1, 2, 1, 0};
  std::vector<MemoryDataset::Row> rows;
  for (int64_t n = 0; n < count; ++n)
    rows.push_back({wave(size, 10.0 + shift + static_cast<double>(n), 1), classes[n % 5], "", {}});
  return std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a", "b", "c"});
}

Task cnn_task() {
  Task t;
  t.input = {1, 6, 6};
  t.labels = {"a", "b", "c"};
  return t;
}

void expect_near(const std::vector<float>& expected, const Tensor& got, float tolerance,
                 const std::string& what) {
  const auto v = got.values<float>();
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(v[i], expected[i], tolerance) << what << " " << i;
}

struct Golden {
  const char* optimizer;
  double learning_rate;
  std::vector<float> losses, conv, fc, scale, mean, variance;
};
// Five full-batch steps by PyTorch 1.13: conv2d, batch norm by the batch (its population variance kept),
// relu, max_pool2d, linear, cross_entropy.
const Golden kGolden[] = {
    {"sgd:momentum=0.9,weight_decay=0.01",
     0.1,
     {1.09272361f, 1.00779271f, 0.899066806f, 0.797765017f, 0.697197676f},
     {0.406865358f, 0.501544595f, 0.348703653f, 0.0522061475f},
     {-0.288441986f, -0.439772189f, -0.0503836721f, 0.279876053f},
     {1.08466005f, 0.940487444f},
     {0.041616153f, 0.0217110664f},
     {0.795731306f, 0.797271073f}},
    {"adamw:weight_decay=0.1",
     0.01,
     {1.09272361f, 1.03474844f, 0.987583935f, 0.948293328f, 0.912023544f},
     {0.402741373f, 0.527011573f, 0.378538936f, 0.0691910461f},
     {-0.331769943f, -0.268841743f, -0.00332164764f, 0.258677304f},
     {1.07024884f, 0.936636746f},
     {0.0417857505f, 0.0219894368f},
     {0.801161051f, 0.801032543f}},
};

TEST(Trainer, FollowsPyTorch) {
  for (const Golden& golden : kGolden) {
    Trainer trainer(small_cnn(), cnn_task(),
                    {.epochs = 5,
                     .batch = 5,
                     .optimizer = parse_optimizer(golden.optimizer),
                     .learning_rate = golden.learning_rate,
                     .frozen = {"conv.b"}});
    std::vector<double> losses;
    const TrainResult result = trainer.train(waves(5), [&](const Progress& p) {
      losses.push_back(p.batch_loss);
      return true;
    });
    EXPECT_EQ(result.steps, 5);
    EXPECT_EQ(result.epochs, 5);
    EXPECT_EQ(result.samples, 25);
    ASSERT_EQ(losses.size(), 5u);
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(losses[i], golden.losses[i], 2e-5) << golden.optimizer << i;
    EXPECT_NEAR(result.loss, losses.back(), 1e-12);
    expect_near(golden.conv, trainer.value("conv.w"), 5e-5f, "conv.w");
    expect_near(golden.fc, trainer.value("fc.w"), 5e-5f, "fc.w");
    expect_near(golden.scale, trainer.value("bn.scale"), 5e-5f, "bn.scale");
    expect_near(golden.mean, trainer.value("bn.mean"), 2e-5f, "bn.mean");
    expect_near(golden.variance, trainer.value("bn.var"), 2e-5f, "bn.var");
  }
}

TEST(Trainer, NamesWhatItTrains) {
  const Trainer all(small_cnn(), cnn_task(), {});
  EXPECT_THAT(all.trained(),
              ::testing::UnorderedElementsAre("conv.w", "conv.b", "bn.scale", "bn.bias", "fc.w", "fc.b"));
  EXPECT_THAT(all.statistics(), ::testing::UnorderedElementsAre("bn.mean", "bn.var"));
  const Trainer head(small_cnn(), cnn_task(), {.frozen = {"conv.*", "bn.s*e"}, .freeze_batch_norm = true});
  EXPECT_THAT(head.trained(), ::testing::UnorderedElementsAre("bn.bias", "fc.w", "fc.b"));
  EXPECT_TRUE(head.statistics().empty());
  EXPECT_THAT(error_of([] { Trainer(small_cnn(), cnn_task(), {.frozen = {"*"}}); }),
              HasSubstr("nothing to train"));
}

TEST(Trainer, FrozenWeightsKeepTheirBits) {
  Trainer trainer(small_cnn(), cnn_task(),
                  {.epochs = 3, .batch = 2, .frozen = {"conv.*"}, .freeze_batch_norm = true});
  trainer.train(waves(5));
  const Model before = small_cnn(), after = trainer.model();
  const auto same = [&](const char* name) {
    const auto a = before.graph.initializer(before.graph.find(name))->values<float>(),
               b = after.graph.initializer(after.graph.find(name))->values<float>();
    return std::equal(a.begin(), a.end(), b.begin());
  };
  EXPECT_TRUE(same("conv.w"));
  EXPECT_TRUE(same("bn.mean"));
  EXPECT_FALSE(same("fc.w"));
}

TrainOptions resumable(const char* optimizer) {
  return {.epochs = 3,
          .batch = 2,
          .optimizer = parse_optimizer(optimizer),
          .schedule = Schedule::parse("cosine:0.1,warmup=2"),
          .seed = 11,
          .proximal_mu = 0.1};
}

// Stopped after every possible number of steps, saved to a file, resumed by another trainer: the same file at
// the end.
TEST(Trainer, ResumesBitForBit) {
  const TempFolder dir;
  for (const char* optimizer : {"sgd:momentum=0.9", "adam"}) {
    Trainer whole(small_cnn(), cnn_task(), resumable(optimizer));
    whole.train(waves(7));
    save_checkpoint(system_files(), dir / "whole", whole.checkpoint());
    const Bytes expected_state = system_files().read(dir / "whole"),
                expected_model = serialize_onnx(whole.model());
    for (int64_t stop = 1; stop < 12; ++stop) {
      Trainer first(small_cnn(), cnn_task(), resumable(optimizer));
      const TrainResult r = first.train(waves(7), [&](const Progress& p) { return p.step < stop; });
      EXPECT_TRUE(r.stopped);
      EXPECT_EQ(r.steps, stop);
      save_checkpoint(system_files(), dir / "half", first.checkpoint());
      Trainer second(small_cnn(), cnn_task(), resumable(optimizer));
      second.resume(load_checkpoint(system_files(), dir / "half"), *waves(7));
      EXPECT_EQ(second.train(waves(7)).steps, 12 - stop);
      save_checkpoint(system_files(), dir / "second", second.checkpoint());
      EXPECT_EQ(system_files().read(dir / "second"), expected_state) << optimizer << " " << stop;
      EXPECT_EQ(serialize_onnx(second.model()), expected_model) << optimizer << " " << stop;
    }
  }
}

TEST(Trainer, AStateOfAnotherTrainingIsRefused) {
  Trainer trainer(small_cnn(), cnn_task(), resumable("adam"));
  trainer.train(waves(7), [](const Progress&) { return false; });
  const Checkpoint saved = trainer.checkpoint();
  const auto refusal = [&](auto change) {
    TrainOptions options = resumable("adam");
    change(options);
    return error_of([&] { Trainer(small_cnn(), cnn_task(), options).resume(saved, *waves(7)); });
  };
  EXPECT_EQ(refusal([](TrainOptions&) {}), "");
  EXPECT_THAT(refusal([](TrainOptions& o) { o.seed = 1; }),
              HasSubstr("the saved training has seed 11, this one 1"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.loss = "mse"; }), HasSubstr("loss ce, this one mse"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.batch = 3; }), HasSubstr("batch 2, this one 3"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.epochs = 4; }), HasSubstr("epochs 3, this one 4"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.optimizer = parse_optimizer("sgd"); }),
              HasSubstr("optimizer adam"));
  EXPECT_THAT(error_of([&] {
                Task t;
                t.input = {2};
                t.labels = {"a", "b", "c"};
                Trainer(linear(3), t, resumable("adam")).resume(saved, *waves(7));
              }),
              HasSubstr("has no \"w\", [2,3] is expected"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.max_steps = 9; }), HasSubstr("max_steps 0, this one 9"));
  Trainer same(small_cnn(), cnn_task(), resumable("adam"));
  EXPECT_THAT(error_of([&] { same.resume(saved, *waves(8)); }), HasSubstr("samples 7, this one 8"));
  EXPECT_THAT(error_of([&] { same.resume(saved, *waves(7, 36, 0.5)); }), HasSubstr("began on other data"));
  same.resume(saved, *waves(7));
  EXPECT_THAT(error_of([&] { same.train(waves(8)); }), HasSubstr("began on 7 samples, now there are 8"));
}

// A device may be killed between the last step and the update: the loss must not get lost.
TEST(Trainer, AFinishedTrainingResumesWithItsLoss) {
  Trainer trainer(small_cnn(), cnn_task(), resumable("adam"));
  const double loss = trainer.train(waves(7)).loss;
  EXPECT_GT(loss, 0);
  Trainer again(small_cnn(), cnn_task(), resumable("adam"));
  again.resume(trainer.checkpoint(), *waves(7));
  const TrainResult r = again.train(waves(7));
  EXPECT_EQ(r.steps, 0);
  EXPECT_EQ(r.loss, loss);
}

TEST(Trainer, FreezingWhatIsNotThereIsRefused) {
  TrainOptions options = resumable("adam");
  options.frozen = {"*", "conv9.*"};
  EXPECT_THAT(error_of([&] { Trainer(small_cnn(), cnn_task(), options); }), HasSubstr("--freeze conv9.*"));
}

// A file need not declare its outputs' sizes; the labels must fit them all the same.
TEST(Trainer, AGuessedTaskFitsTheOutputs) {
  for (const bool declared : {true, false}) {
    Model model = linear(3);
    if (!declared) model.graph.values[static_cast<size_t>(model.graph.outputs[0])].type = {};
    const MemoryDataset three({{{1, 2}, 0, "", {}}}, {"a", "b", "c"}), two({{{1, 2}, 0, "", {}}}, {"a", "b"});
    EXPECT_EQ(task_of(model, three, "m").labels.size(), 3u);
    EXPECT_THAT(error_of([&] { task_of(model, two, "m"); }), HasSubstr("3 outputs and the data 2 classes"));
  }
}

TEST(Trainer, TheSameBitsForAnyNumberOfThreads) {
  Bytes expected;
  for (const int threads : {1, 2, 3}) {
    TrainOptions options = resumable("adamw");
    options.pool = std::make_shared<ThreadPool>(threads);
    Trainer trainer(small_cnn(), cnn_task(), options);
    trainer.train(waves(30));
    const Bytes got = serialize_onnx(trainer.model());
    if (threads == 1) expected = got;
    EXPECT_EQ(got, expected) << threads;
  }
}

TEST(Trainer, TheProximalTermIsItsGradient) {
  // One weight moved by hand: with gradient g(w) + mu (w - w0) the second step differs by -rate * mu * (w1 -
  // w0).
  Task t;
  t.input = {2};
  t.labels = {"a", "b", "c"};
  const auto after = [&](double mu, int64_t steps) {
    Trainer trainer(linear(3), t,
                    {.epochs = steps,
                     .batch = 5,
                     .optimizer = parse_optimizer("sgd"),
                     .learning_rate = 0.5,
                     .proximal_mu = mu});
    trainer.train(waves(5, 2));
    const auto v = trainer.value("w").values<float>();
    return std::vector<float>(v.begin(), v.end());
  };
  const std::vector<float> w0 = wave(6, 1, 1), w1 = after(0.3, 1), plain = after(0, 2), near = after(0.3, 2);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(w1[i], after(0, 1)[i], 1e-7);
    EXPECT_NEAR(near[i] - plain[i], -0.5 * 0.3 * (w1[i] - w0[i]), 1e-6);
  }
}

TEST(Trainer, LearnsToTellClassesApart) {
  std::vector<MemoryDataset::Row> rows;
  for (int i = 0; i < 300; ++i) {
    const int c = i % 3;
    const float angle = static_cast<float>(c) * 2.0944f, wobble = static_cast<float>(i % 7 - 3) * 0.05f;
    rows.push_back({{std::cos(angle) + wobble, std::sin(angle) - wobble}, c, "", {}});
  }
  const auto data = std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a", "b", "c"});
  Task t;
  t.input = {2};
  t.labels = {"a", "b", "c"};
  for (const char* tail : {"", "Softmax"}) {
    Trainer trainer(linear(3, tail), t, {.epochs = 20, .learning_rate = 0.1, .loss = *tail ? "nll" : "ce"});
    const double before = trainer.evaluate(data).accuracy();
    trainer.train(data);
    const Metrics m = trainer.evaluate(data);
    EXPECT_LT(before, 0.9);
    EXPECT_EQ(m.accuracy(), 1.0) << tail;
    EXPECT_EQ(m.samples, 300);
    EXPECT_EQ(m.confusion.at(2, 2), 100);
    EXPECT_EQ(trainer.model().metadata.at("dunlin.task.loss"), *tail ? "nll" : "ce");
  }
}

TEST(Trainer, ANanLossIsReportedWithItsStep) {
  Task t = cnn_task();
  const auto run = [&](double rate, DatasetPtr data) {
    return error_of(
        [&] { Trainer(small_cnn(), t, {.epochs = 50, .batch = 5, .learning_rate = rate}).train(data); });
  };
  EXPECT_THAT(run(1e38, waves(5)),
              ::testing::AllOf(HasSubstr("step "), HasSubstr("the learning rate 1e+38 may be too high")));
  std::vector<MemoryDataset::Row> rows(5, {wave(36, 1, 1), 0, "", {}});
  rows[3].input[7] = std::nanf("");
  EXPECT_THAT(run(0.01, std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a"})),
              ::testing::AllOf(HasSubstr("epoch 1, step 1: the loss is nan"),
                               HasSubstr("row 3 holds a number that is not finite")));
}

TEST(Trainer, ABadStepLeavesTheStatisticsAlone) {
  // Its loss is not a number, and neither would the new mean be.
  std::vector<MemoryDataset::Row> rows(1, {wave(36, 1, 1), 0, "", {}});
  rows[0].input[7] = INFINITY;
  Trainer trainer(small_cnn(), cnn_task(), {.batch = 1});
  const std::vector<float> before(trainer.value("bn.mean").values<float>().begin(),
                                  trainer.value("bn.mean").values<float>().end());
  EXPECT_THAT(
      error_of([&] { trainer.train(std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a"})); }),
      HasSubstr("epoch 1, step 1: the loss is nan"));
  EXPECT_THAT(trainer.value("bn.mean").values<float>(), ::testing::ElementsAreArray(before));
}

TEST(Trainer, StopsBeforeAStateThatCannotLearnIsSaved) {
  // The loss of the only step is sound; the weights after it are not.
  Task t;
  t.input = {2};
  t.labels = {"a", "b", "c"};
  Trainer trainer(linear(3), t, {.batch = 1, .learning_rate = 3e38});
  const auto data = std::make_shared<MemoryDataset>(std::vector<MemoryDataset::Row>{{{100, -100}, 0, "", {}}},
                                                    std::vector<std::string>{"a", "b", "c"});
  bool saved = false;
  EXPECT_THAT(error_of([&] { trainer.train(data, [&](const Progress&) { return saved = true; }); }),
              ::testing::AllOf(HasSubstr("epoch 1, step 1: \""), HasSubstr("holds "),
                               HasSubstr("the learning rate 3e+38 may be too high")));
  EXPECT_FALSE(saved);
}

TEST(Trainer, AModelExportedForOneBatchTrainsOnAny) {
  Model m = small_cnn();
  (*m.graph.values[static_cast<size_t>(m.graph.inputs[0])].type.shape)[0] = 1;
  Trainer trainer(std::move(m), cnn_task(), {.batch = 5});
  EXPECT_EQ(trainer.train(waves(7)).steps, 2);
  EXPECT_EQ((*trainer.model().graph.type(trainer.model().graph.inputs[0]).shape)[0], 1);
}

TEST(Trainer, EndsAfterMaxSteps) {
  Trainer trainer(small_cnn(), cnn_task(), {.epochs = 10, .max_steps = 4, .batch = 2});
  EXPECT_EQ(trainer.train(waves(6)).steps, 4);
  EXPECT_EQ(trainer.train(waves(6)).steps, 0);
}

/// [N,2] -> Gemm by a -> `between` -> Gemm by b: logits; c is read by a second output only.
Model with_between(const std::string& between) {
  ModelBuilder b({2});
  const ValueId first = b.weight("a", {2, 3}, wave(6, 1, 1)), second = b.weight("b", {3, 3}, wave(9, 2, 1)),
                third = b.weight("c", {3, 3}, wave(9, 2, 1));
  const ValueId hidden = b.node("Gemm", {b.input(), first});
  const ValueId v = b.node(between, {hidden});
  const ValueId logits = second == kNoValue ? v : b.node("Gemm", {v, second});
  const ValueId other = b.node("Gemm", {hidden, third});
  Model m = b.finish(logits);
  m.graph.outputs.push_back(other);
  return m;
}

Task two_values() {
  Task t;
  t.input = {2};
  t.labels = {"a", "b", "c"};
  return t;
}

TEST(Trainer, SaysWhichWeightsStayAndWhy) {
  Trainer trainer(with_between("Round"), two_values(), {.max_steps = 1});
  EXPECT_EQ(trainer.trained(), std::vector<std::string>{"b"});
  ASSERT_EQ(trainer.untrained().size(), 2u);
  EXPECT_EQ(trainer.untrained()[0].weight, "a");
  EXPECT_EQ(trainer.untrained()[0].why,
            "no gradient passes Round \"Round\" (path: weight \"a\" -> Gemm \"Gemm\" -> Round \"Round\")");
  EXPECT_EQ(trainer.untrained()[1].weight, "c");
  EXPECT_EQ(trainer.untrained()[1].why, "the loss does not depend on it");
  trainer.train(waves(5, 2));
  EXPECT_TRUE(Trainer(with_between("Relu"), two_values(), {.frozen = {"c"}}).untrained().empty());
}

TEST(Trainer, RefusesWhatNoGradientReaches) {
  const auto refusal = [](const Model& model, std::vector<std::string> frozen) {
    return error_of([&] { Trainer(model, two_values(), {.frozen = std::move(frozen)}); });
  };
  EXPECT_EQ(refusal(with_between("Round"), {"b", "c"}),
            "nothing to train: no gradient of the loss comes to a weight; \"a\": no gradient passes Round "
            "\"Round\" "
            "(path: weight \"a\" -> Gemm \"Gemm\" -> Round \"Round\")");
}

/// [N,3] token numbers -> Gather in 4 rows -> Gemm -> logits [N,5,3]: a class for each of the tokens.
Model token_model() {
  ModelBuilder b({3});
  const ValueId table = b.weight("table", {4, 6}, wave(24, 1, 1)), w = b.weight("w", {6, 5}, wave(30, 2, 1));
  const ValueId rows = b.node("Gather", {table, b.input()});
  Model m =
      b.finish(b.node("Transpose", {b.node("MatMul", {rows, w})}, {{"perm", std::vector<int64_t>{0, 2, 1}}}));
  m.graph.values[static_cast<size_t>(m.graph.inputs[0])].type.format = &formats::kI64;
  return m;
}

/// Class numbers (t + 1) % 5 for tokens t; `target` in place of the last one.
DatasetPtr tokens(float token, float target) {
  std::vector<MemoryDataset::Row> rows;
  for (int n = 0; n < 8; ++n) {
    MemoryDataset::Row row;
    row.input = {static_cast<float>(n % 4), static_cast<float>(n * n % 4), 3};
    for (float t : row.input) row.target.push_back(t + 1);
    rows.push_back(row);
  }
  rows.back().input.back() = token;
  rows.back().target.back() = target;
  return std::make_shared<MemoryDataset>(rows, std::vector<std::string>{});
}

TEST(Trainer, LearnsAClassForEveryToken) {
  const DatasetPtr data = tokens(3, 4);
  const Task task = task_of(token_model(), *data, "token_model", "ce");
  EXPECT_EQ(task.scale, 1);
  EXPECT_EQ(task.metric, "loss");
  Trainer trainer(token_model(), task, {.epochs = 60, .batch = 4, .learning_rate = 0.2});
  EXPECT_THAT(trainer.trained(), ::testing::UnorderedElementsAre("table", "w"));
  trainer.train(data);
  const Metrics m = trainer.evaluate(data);
  EXPECT_FALSE(m.has_classes);
  EXPECT_LT(m.loss(), 0.05);
  const auto refusal = [&](float token, float target) {
    return error_of([&] { Trainer(token_model(), task, {.batch = 8}).train(tokens(token, target)); });
  };
  EXPECT_THAT(refusal(3, 2.5f), HasSubstr("the target holds 2.5, class numbers are expected"));
  EXPECT_THAT(refusal(3, 5), HasSubstr("label 5"));
  EXPECT_THAT(refusal(4, 4), HasSubstr("Gather"));
  EXPECT_THAT(refusal(2.5f, 4), HasSubstr("the input holds 2.5, token numbers are expected"));
  EXPECT_THAT(error_of([&] { trainer.evaluate(tokens(2.5f, 4)); }),
              HasSubstr("the input holds 2.5, token numbers are expected"));
}

}  // namespace
}  // namespace dunlin
