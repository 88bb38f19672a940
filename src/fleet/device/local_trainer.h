// The strategies' LocalTrainer over the real one, with checkpoints, so that a killed device goes on.
#pragma once

#include <functional>
#include <stop_token>

#include "fleet/strategies/strategy.h"
#include "fleet/wire/fleet.pb.h"
#include "learn/trainer.h"

namespace dunlin::fleet {

/// Thrown by train() when the device was told to stop; the checkpoint holds what was done.
struct TrainingStopped {};

struct LocalTraining {
  const dunlin::Model& model;  ///< its graph and task; the weights come with train()
  const wire::v1::Plan& plan;
  DatasetPtr data;
  std::string checkpoint_path;
  std::shared_ptr<ThreadPool> pool;
  std::stop_token stop;
  Clock* clock = &system_clock();
  std::function<void(const Progress&)> on_progress;
  double checkpoint_every_s = 10;
};

class CheckpointedTrainer final : public LocalTrainer {
 public:
  CheckpointedTrainer(LocalTraining job, FileSystem& files) : job_(std::move(job)), files_(files) {}
  LocalResult train(const NamedTensors& start) override;

 private:
  void save(const Trainer& trainer);
  LocalTraining job_;
  FileSystem& files_;
};

/// The plan's hyper-parameters as the trainer takes them. Throws kInvalidArgument for an unknown optimizer.
TrainOptions train_options(const wire::v1::Plan& plan, std::shared_ptr<ThreadPool> pool);

}  // namespace dunlin::fleet
