#include "fleet/device/task_runner.h"

#include "base/error.h"
#include "fleet/device/local_trainer.h"
#include "fleet/model/onnx_codec.h"
#include "fleet/strategies/update_code.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"
#include "learn/preprocess.h"

namespace dunlin::fleet {

namespace {

constexpr int64_t kCommitTimeoutMs = 120'000;
constexpr int64_t kEvaluationBatch = 64;
constexpr const char *kTasks = "tasks", *kStrategyState = "strategy-state";

std::string task_name(const wire::v1::Task& task) {
  // A hash, since the coordinator's word for a task is not to be trusted as a file name.
  return to_hex(sha256(as_bytes(task.id()))).substr(0, 24) + "-" + std::to_string(task.attempt());
}

}  // namespace

std::string TaskRunner::folder_of(const wire::v1::Task& task) const {
  return join_path(join_path(state_dir_, kTasks), task_name(task));
}

void TaskRunner::clean(const std::string& keep_folder) {
  const std::string tasks = join_path(state_dir_, kTasks);
  if (!files_.exists(tasks)) return;
  for (const std::string& name : files_.list(tasks))
    if (join_path(tasks, name) != keep_folder) files_.remove(join_path(tasks, name));
}

std::string TaskRunner::why_unfit(const std::string& model_path) const {
  if (!data_.train || data_.train->size() == 0) return {};
  const dunlin::Model model = parse_artefact(files_.read(model_path));
  try {
    const auto task = read_task(model.metadata, "the fleet's model");
    if (!task) return "the fleet's model carries no task: its maker trains it once with `dunlin train`";
    if (!task->labels.empty() && data_.train->class_of(0) >= 0) map_labels(*task, *data_.train);
    std::vector<float> input(static_cast<size_t>(task->input.num_elements()));
    prepare_input(*task, data_.train->example(0), data_.train->where(0) + ": ", input);
    return {};
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kIo) throw;
    return e.what();
  }
}

wire::v1::Metrics TaskRunner::evaluate(const std::string& model_path) const {
  return evaluate(parse_artefact(files_.read(model_path)));
}

wire::v1::Metrics TaskRunner::evaluate(const dunlin::Model& model) const {
  wire::v1::Metrics out;
  if (!data_.held_out || data_.held_out->size() == 0) return out;
  const Metrics m = evaluate_model(model, task_of(model, *data_.held_out, "the fleet's model"),
                                   data_.held_out, {.batch = kEvaluationBatch, .pool = pool_});
  out.set_examples(static_cast<uint64_t>(m.samples));
  out.set_loss(m.loss());
  out.set_accuracy(m.accuracy());
  return out;
}

TaskRunner::Learned TaskRunner::learn(const wire::v1::Task& task, const std::string& folder,
                                      ChunkClient& chunks, std::stop_token stop, const OnEvent& on_event) {
  const std::string model_path =
      models_.fetch(sha256_of(task.model().sha256(), "the task's model"), chunks, stop);
  NamedTensors broadcast;
  if (!task.broadcast().sha256().empty()) {
    const std::string path = join_path(folder, "broadcast");
    chunks.download(sha256_of(task.broadcast().sha256(), "the task's broadcast"), path, stop);
    broadcast = NamedTensors::parse(files_.read(path));
  }
  const dunlin::Model model = parse_artefact(files_.read(model_path));
  const auto& params = task.plan().strategy_params();
  const auto strategy = make_strategy(task.plan().strategy(), {params.begin(), params.end()});

  const std::string state_path = join_path(state_dir_, kStrategyState);
  const Model received{tensors_of(model), to_hex(as_bytes(task.model().sha256()))};
  const State state = strategy->state();
  const NamedTensors device_state = files_.exists(state_path) ? NamedTensors::parse(files_.read(state_path))
                                                              : zeros(state.device, state, received.tensors);
  LocalMetrics evaluation;
  if (task.plan().evaluate_first()) {
    const wire::v1::Metrics m = evaluate(model);
    evaluation = {m.examples(), m.loss(), m.accuracy()};
  }
  CheckpointedTrainer trainer(
      {.model = model,
       .plan = task.plan(),
       .data = data_.train,
       .checkpoint_path = join_path(folder, "training.safetensors"),
       .pool = pool_,
       .stop = stop,
       .clock = &clock_,
       .on_progress =
           [&](const Progress& p) {
             on_event({.kind = DeviceEvent::Kind::kTraining,
                       .round = task.round(),
                       .progress = static_cast<double>(p.step) /
                                   static_cast<double>(std::max<int64_t>(p.total_steps, 1)),
                       .loss = p.loss});
           }},
      files_);
  return {strategy->client({.number = task.round(),
                            .seed = task.plan().seed(),
                            .model = received,
                            .broadcast = broadcast,
                            .device_state = device_state},
                           trainer),
          evaluation};
}

void TaskRunner::make_update(const wire::v1::Task& task, const std::string& folder, ChunkClient& chunks,
                             std::stop_token stop, const OnEvent& on_event) {
  // The model is out of memory again when the update is written.
  const auto [update, evaluation] = learn(task, folder, chunks, stop, on_event);
  // The strategy's state becomes this device's only once the update was accepted.
  if (!update.device_state.empty())
    files_.write_atomic(join_path(folder, kStrategyState), update.device_state.serialise(), 0600);
  files_.write_atomic(join_path(folder, "update"), encode_update(task, update, evaluation), 0600);
}

wire::v1::CommitReply TaskRunner::run(const wire::v1::Task& task, wire::v1::Fleet::Stub& fleet,
                                      ChunkClient& chunks, std::stop_token stop, const OnEvent& on_event) {
  const std::string folder = folder_of(task), update_path = join_path(folder, "update");
  clean(folder);
  files_.make_directories(folder, 0700);
  if (!files_.exists(update_path)) make_update(task, folder, chunks, stop, on_event);
  if (stop.stop_requested()) throw TrainingStopped{};

  const TransferCount sent = chunks.upload(task.id(), task.attempt(), update_path, stop);
  on_event({.kind = DeviceEvent::Kind::kUploaded, .round = task.round(), .bytes = sent.bytes_moved});
  wire::v1::CommitRequest request;
  request.set_protocol(kWireVersion);
  request.set_task(task.id());
  request.set_attempt(task.attempt());
  request.set_sha256(sent.name.data(), sent.name.size());
  request.set_size(sent.size);
  grpc::ClientContext context;
  set_timeout(context, kCommitTimeoutMs);
  const StopGuard guard(stop, context);
  wire::v1::CommitReply reply;
  check_status(fleet.Commit(&context, request, &reply), "committing the update");
  if (reply.reason() == wire::v1::UPDATE_ACCEPTED && files_.exists(join_path(folder, kStrategyState)))
    files_.rename(join_path(folder, kStrategyState), join_path(state_dir_, kStrategyState));
  if (reply.reason() != wire::v1::UPLOAD_INCOMPLETE) files_.remove(folder);
  return reply;
}

}  // namespace dunlin::fleet
