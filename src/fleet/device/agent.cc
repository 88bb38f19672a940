#include "fleet/device/agent.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "fleet/device/local_trainer.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {
constexpr uint32_t kHoldMs = 20'000;
constexpr int64_t kCallTimeoutMs = 60'000;
constexpr uint64_t kMaxArtefactBytes = uint64_t{4} << 30;
constexpr const char* kModels = "models";
}  // namespace

int64_t BackOff::next_ms() {
  const int64_t full = std::min<int64_t>(int64_t{500} << std::min(tries_++, 10), 300'000);
  return full / 2 + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(full / 2)));
}

Agent::Agent(DeviceIdentity identity, std::string state_dir, const Parts& parts)
    : identity_(std::move(identity)),
      state_dir_(std::move(state_dir)),
      parts_(parts),
      back_off_(load_le<uint64_t>(sha256(as_bytes(identity_.device_id)).data())) {
  connect();
}

void Agent::connect() {
  channel_ = open_channel(identity_.coordinator, identity_.tls.authority_pem, &identity_.tls,
                          {.proxy = parts_.proxy});
  fleet_ = wire::v1::Fleet::NewStub(channel_);
  chunks_ = std::make_unique<ChunkClient>(channel_, kMaxArtefactBytes, parts_.files);
}

void Agent::renew_if_due() {
  if (!identity_.should_renew(parts_.clock.now_ms())) return;
  identity_ = renew(identity_, channel_, state_dir_, parts_.files);
  connect();
}

void Agent::wait(int64_t ms, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
}

wire::v1::CheckInReply Agent::check_in(const std::string& model_sha256) {
  wire::v1::CheckInRequest request;
  request.set_protocol(kWireVersion);
  request.set_software("dunlin");
  for (const StrategyDef* s : strategies())
    request.mutable_capabilities()->add_strategies(std::string(s->name));
  request.mutable_capabilities()->set_max_artefact_bytes(kMaxArtefactBytes);
  const DeviceData& data = parts_.tasks.data();
  request.set_train_examples(data.train ? data.train->size() : 0);
  request.set_evaluation_examples(data.held_out ? data.held_out->size() : 0);
  request.set_hold_ms(kHoldMs);
  request.set_model_sha256(model_sha256);
  grpc::ClientContext context;
  set_timeout(context, kHoldMs + kCallTimeoutMs);
  wire::v1::CheckInReply reply;
  check_status(fleet_->CheckIn(&context, request, &reply), "looking in");
  return reply;
}

std::string Agent::fetch_model(const std::string& sha256_bytes, std::stop_token stop) {
  const Sha256 name = sha256_of(sha256_bytes, "the newest model");
  const std::string dir = join_path(state_dir_, kModels), path = join_path(dir, to_hex(name) + ".onnx");
  if (!parts_.files.exists(path)) {
    parts_.files.make_directories(dir, 0700);
    chunks_->download(name, path, stop);
    // One model is enough: the newest.
    for (const std::string& old : parts_.files.list(dir))
      if (join_path(dir, old) != path) parts_.files.remove(join_path(dir, old));
  }
  return path;
}

void Agent::report_failure(const wire::v1::Task& task, const std::string& message) {
  wire::v1::ReportRequest request;
  request.set_protocol(kWireVersion);
  request.set_task(task.id());
  request.set_attempt(task.attempt());
  request.set_reason(wire::v1::DEVICE_FAILED);
  request.set_message(message);
  grpc::ClientContext context;
  set_timeout(context, kCallTimeoutMs);
  wire::v1::ReportReply reply;
  check_status(fleet_->Report(&context, request, &reply), "reporting");
}

void Agent::do_task(const wire::v1::Task& task, std::stop_token stop, const TaskRunner::OnEvent& on_event) {
  on_event({.kind = DeviceEvent::Kind::kTaskStarted, .text = task.id(), .round = task.round()});
  try {
    const wire::v1::CommitReply reply = parts_.tasks.run(task, *fleet_, *chunks_, stop, on_event);
    std::string text = wire::v1::Reason_Name(reply.reason());
    if (!reply.message().empty()) text += ": " + reply.message();
    on_event({.kind = DeviceEvent::Kind::kTaskEnded, .text = text, .round = task.round()});
    if (reply.reason() == wire::v1::UPDATE_ACCEPTED) return;
    wait(reply.come_back_ms(), stop);
  } catch (const Error& e) {
    // A broken link and a full disk pass; anything else will not: then the round need not wait for this
    // device.
    if (e.code() == ErrorCode::kUnavailable || e.code() == ErrorCode::kIo) throw;
    spdlog::error("task {}: {}", task.id(), e.what());
    report_failure(task, e.what());
    on_event({.kind = DeviceEvent::Kind::kTaskEnded, .text = e.what(), .round = task.round()});
  }
}

void Agent::do_evaluation(const wire::v1::Evaluation& evaluation, const std::string& model_path) {
  wire::v1::ReportRequest request;
  request.set_protocol(kWireVersion);
  request.set_version(evaluation.version());
  *request.mutable_evaluation() = parts_.tasks.evaluate(model_path);
  request.set_reason(wire::v1::REPORT_ACCEPTED);
  grpc::ClientContext context;
  set_timeout(context, kCallTimeoutMs);
  wire::v1::ReportReply reply;
  check_status(fleet_->Report(&context, request, &reply), "reporting");
}

bool Agent::run(std::stop_token stop, const TaskRunner::OnEvent& on_event, const OnModel& on_model) {
  std::string model_sha256;
  while (!stop.stop_requested()) {
    try {
      renew_if_due();
      const wire::v1::CheckInReply reply = check_in(model_sha256);
      back_off_.reset();
      if (!reply.model_sha256().empty() && reply.model_sha256() != model_sha256) {
        const std::string path = fetch_model(reply.model_sha256(), stop);
        model_sha256 = reply.model_sha256();
        on_model(reply.version(), path);
        on_event({.kind = DeviceEvent::Kind::kModelChanged, .text = path, .version = reply.version()});
      }
      if (reply.has_task()) {
        do_task(reply.task(), stop, on_event);
        continue;
      }
      if (reply.has_evaluation()) {
        do_evaluation(reply.evaluation(), fetch_model(reply.evaluation().model().sha256(), stop));
        continue;
      }
      if (reply.reason() == wire::v1::FLEET_FINISHED) {
        parts_.tasks.clean("");
        on_event({.kind = DeviceEvent::Kind::kFinished, .version = reply.version()});
        return true;
      }
      if (reply.reason() == wire::v1::WRONG_PROTOCOL || reply.reason() == wire::v1::UNKNOWN_POPULATION)
        fail(ErrorCode::kFailedPrecondition, "the coordinator refuses this device: {}", reply.message());
      std::string text = wire::v1::Reason_Name(reply.reason());
      if (!reply.message().empty()) text += ": " + reply.message();
      on_event({.kind = DeviceEvent::Kind::kWaiting, .text = text, .wait_ms = reply.come_back_ms()});
      wait(reply.come_back_ms(), stop);
    } catch (const TrainingStopped&) {
      return false;
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kUnavailable && e.code() != ErrorCode::kIo) throw;
      if (stop.stop_requested()) return false;
      const int64_t ms = back_off_.next_ms();
      on_event({.kind = DeviceEvent::Kind::kUnreachable, .text = e.what(), .wait_ms = ms});
      wait(ms, stop);
    }
  }
  return false;
}

}  // namespace dunlin::fleet
