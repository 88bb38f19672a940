#include "fleet/device/local_trainer.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "fleet/model/onnx_codec.h"

namespace dunlin::fleet {

TrainOptions train_options(const wire::v1::Plan& plan, std::shared_ptr<ThreadPool> pool) {
  const wire::v1::Training& t = plan.training();
  std::string optimizer = t.optimizer();
  const bool sgd = optimizer == "sgd";
  optimizer += fmt::format("{}weight_decay={}", sgd ? fmt::format(":momentum={},", t.momentum()) : ":",
                           t.weight_decay());
  TrainOptions o;
  o.epochs = t.epochs();
  o.batch = t.batch();
  o.optimizer = parse_optimizer(optimizer);
  o.learning_rate = t.learning_rate();
  o.seed = plan.seed();
  o.pool = std::move(pool);
  return o;
}

// A checkpoint saves time, no more: without room for it the training goes on.
void CheckpointedTrainer::save(const Trainer& trainer) {
  try {
    save_checkpoint(files_, job_.checkpoint_path, trainer.checkpoint());
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kIo) throw;
    spdlog::warn("the training under way cannot be saved: {}", e.what());
  }
}

LocalResult CheckpointedTrainer::train(const NamedTensors& start) {
  dunlin::Model model = job_.model;
  assign(model, start);
  const std::optional<Task> task = read_task(model.metadata, "the fleet's model");
  if (!task)
    fail(ErrorCode::kFailedPrecondition,
         "the fleet's model carries no task: train it once with `dunlin train`");
  Trainer trainer(std::move(model), *task, train_options(job_.plan, job_.pool));
  if (files_.exists(job_.checkpoint_path)) {
    try {
      trainer.resume(load_checkpoint(files_, job_.checkpoint_path), *job_.data);
    } catch (const Error&) {
      files_.remove(job_.checkpoint_path);  // damaged or of other data: the training begins anew
    }
  }
  int64_t saved_ms = job_.clock->monotonic_ms();
  const TrainResult result = trainer.train(job_.data, [&](const Progress& p) {
    if (job_.on_progress) job_.on_progress(p);
    if (!job_.stop.stop_requested() &&
        static_cast<double>(job_.clock->monotonic_ms() - saved_ms) >= job_.checkpoint_every_s * 1e3) {
      save(trainer);
      saved_ms = job_.clock->monotonic_ms();
    }
    return !job_.stop.stop_requested();
  });
  if (result.stopped) {
    save(trainer);
    throw TrainingStopped{};
  }
  LocalResult out;
  for (const NamedTensor& t : start) out.tensors.add(t);
  for (const auto* names : {&trainer.trained(), &trainer.statistics()})
    for (const std::string& name : *names) {
      const Tensor& value = trainer.value(name);
      const Tensor dense = value.is_row_major() ? value.view() : value.clone();
      std::ranges::copy(dense.values<float>(), out.tensors.at(name).values.begin());
    }
  out.examples = job_.data->size();
  out.metrics = {out.examples, result.loss, 0};
  return out;
}

}  // namespace dunlin::fleet
