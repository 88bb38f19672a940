// Training on a device: interrupted and continued it ends with the same bits.
#include "fleet/device/local_trainer.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "fleet/model/onnx_codec.h"
#include "fleet/test_full_disk.h"
#include "fleet/test_support.h"
#include "graph/architectures/architecture.h"
#include "learn/testing/memory_dataset.h"

namespace dunlin::fleet {
namespace {

using dunlin::testing::MemoryDataset;

struct Job {
  Job() {
    Philox rng(8);
    std::vector<MemoryDataset::Row> rows;
    for (int i = 0; i < 50; ++i) {
      MemoryDataset::Row row{.class_index = i % 3};
      for (int k = 0; k < 9; ++k)
        row.input.push_back(static_cast<float>(rng.normal()) + static_cast<float>(i % 3));
      rows.push_back(std::move(row));
    }
    data = std::make_shared<MemoryDataset>(std::move(rows), std::vector<std::string>{"a", "b", "c"});
    model = find_architecture("mlp").build({.classes = 3, .height = 3, .width = 3, .seed = 2});
    write_task({.input = {1, 3, 3}, .labels = {"a", "b", "c"}}, model.metadata);
    plan.set_seed(77);
    plan.mutable_training()->set_epochs(3);
    plan.mutable_training()->set_batch(8);
    plan.mutable_training()->set_optimizer("adam");
    plan.mutable_training()->set_learning_rate(0.01);
  }

  /// Asked to stop after so many steps; 0: never.
  LocalResult train(int64_t stop_after = 0, FileSystem& files = system_files(),
                    double checkpoint_every_s = 10) {
    std::stop_source stop;
    steps = 0;
    CheckpointedTrainer trainer({.model = model,
                                 .plan = plan,
                                 .data = data,
                                 .checkpoint_path = folder.file("training"),
                                 .pool = std::make_shared<ThreadPool>(1),
                                 .stop = stop.get_token(),
                                 .clock = clock,
                                 .on_progress =
                                     [&](const Progress& p) {
                                       ++steps;
                                       manual.advance_ms(step_ms);
                                       if (p.step == stop_after) stop.request_stop();
                                       if (p.step == die_after) throw std::runtime_error("killed");
                                     },
                                 .checkpoint_every_s = checkpoint_every_s},
                                files);
    return trainer.train(tensors_of(model));
  }
  bool saved() { return system_files().exists(folder.file("training")); }

  TemporaryFolder folder;
  DatasetPtr data;
  dunlin::Model model;
  wire::v1::Plan plan;
  ManualClock manual;
  Clock* clock = &system_clock();
  int64_t step_ms = 0;  // that `manual` moves on by
  int64_t die_after = 0;
  int64_t steps = 0;  // of the last call
};

constexpr int64_t kSteps = 3 * 7;

TEST(CheckpointedTrainer, StoppedAndContinuedEndsWithTheSameBits) {
  Job whole, parts;
  const LocalResult expected = whole.train();
  EXPECT_EQ(whole.steps, kSteps);
  EXPECT_EQ(expected.examples, 50u);
  EXPECT_THROW(parts.train(4), TrainingStopped);
  EXPECT_THROW(parts.train(9), TrainingStopped);
  EXPECT_EQ(parts.steps, 5);
  const LocalResult got = parts.train();
  EXPECT_EQ(parts.steps, kSteps - 9);
  EXPECT_EQ(got.tensors, expected.tensors);
  EXPECT_EQ(got.metrics.loss, expected.metrics.loss);
  EXPECT_NE(got.tensors, tensors_of(parts.model));
}

TEST(CheckpointedTrainer, AKilledOneGoesOnFromItsLastCheckpoint) {
  Job whole, killed;
  const LocalResult expected = whole.train();
  killed.die_after = 6;  // before that step is saved
  EXPECT_THROW(killed.train(0, system_files(), 0), std::runtime_error);
  EXPECT_TRUE(killed.saved());
  killed.die_after = 0;
  EXPECT_EQ(killed.train().tensors, expected.tensors);
  EXPECT_EQ(killed.steps, kSteps - 5);
}

TEST(CheckpointedTrainer, ADamagedOrForeignCheckpointIsForgotten) {
  Job job;
  const LocalResult expected = job.train();
  EXPECT_THROW(job.train(5), TrainingStopped);
  Bytes bytes = system_files().read(job.folder.file("training"));
  bytes.resize(bytes.size() / 2);
  system_files().write_atomic(job.folder.file("training"), bytes);
  EXPECT_EQ(job.train().tensors, expected.tensors);
  EXPECT_EQ(job.steps, kSteps);

  EXPECT_THROW(job.train(5), TrainingStopped);
  job.plan.set_seed(78);  // another round
  job.train();
  EXPECT_EQ(job.steps, kSteps);
}

TEST(CheckpointedTrainer, AFullDiskCostsTheCheckpointOnly) {
  Job whole, job;
  FullDisk disk;
  disk.writes_left = 0;
  EXPECT_EQ(job.train(0, disk, 0).tensors, whole.train().tensors);
  EXPECT_FALSE(job.saved());
}

TEST(CheckpointedTrainer, SavesWhenTheClockSaysSo) {
  Job job;
  job.clock = &job.manual;
  FullDisk counting;
  job.train(0, counting);
  EXPECT_EQ(counting.writes, 0);  // the clock stood still
  job.step_ms = 4'000;
  job.train(0, counting);
  EXPECT_EQ(counting.writes, kSteps / 3);  // a checkpoint every ten seconds: after every third step
}

}  // namespace
}  // namespace dunlin::fleet
