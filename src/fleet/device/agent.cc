#include "fleet/device/agent.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "fleet/device/local_trainer.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/dial.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {
constexpr uint32_t kHoldMs = 20'000;
constexpr int64_t kCallTimeoutMs = 60'000, kDialTimeoutMs = 5'000;
constexpr uint64_t kMaxArtefactBytes = uint64_t{4} << 30;

// A broken link, a coordinator under load, a full disk: the same may work later.
bool passes(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kIo || code == ErrorCode::kCancelled;
}

// The error's text stays here: it may name files and labels.
std::string what_may_be_told(const Error& e) {
  return fmt::format("{}; the device's own log says more", to_string(e.code()));
}

}  // namespace

int64_t BackOff::next_ms() {
  const int64_t full = std::min<int64_t>(int64_t{500} << std::min(tries_++, 10), 300'000);
  return full / 2 + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(full / 2)));
}

Agent::Agent(DeviceIdentity identity, std::string state_dir, const Parts& parts)
    : identity_(std::move(identity)),
      state_dir_(std::move(state_dir)),
      parts_(parts),
      back_off_(load_le<uint64_t>(sha256(as_bytes(identity_.device_id)).data())),
      failures_(load_le<uint64_t>(sha256(as_bytes(identity_.device_id)).data() + 8)) {
  if (const auto known = parts_.models.current()) {
    model_sha256_ = std::string(as_chars(known->sha256));
    unfit_ = parts_.tasks.why_unfit(known->path);
  }
  connect();
}

void Agent::connect() {
  channel_ = open_channel(identity_.coordinator, identity_.tls.authority_pem, &identity_.tls,
                          {.proxy = parts_.proxy});
  fleet_ = wire::v1::Fleet::NewStub(channel_);
  chunks_ = std::make_unique<ChunkClient>(channel_, kMaxArtefactBytes, parts_.files);
}

void Agent::renew_if_due() {
  const int64_t now_ms = parts_.clock.now_ms();
  if (now_ms >= identity_.expires_ms)
    fail(ErrorCode::kPermissionDenied,
         "this device's certificate expired {:.1f} days ago: ask the fleet's administrator for a token and "
         "start "
         "with --token (and see that the clock is right)",
         static_cast<double>(now_ms - identity_.expires_ms) / 86'400'000);
  if (!identity_.should_renew(now_ms)) return;
  identity_ = renew(identity_, channel_, state_dir_, parts_.files);
  connect();
}

// "Unavailable" may hide a server that is not this fleet's; trying again would not help.
void Agent::expect_own_fleet() {
  const HostPort& to = identity_.coordinator;
  std::vector<Certificate> presented;
  try {
    presented = presented_certificates(dial(to, proxy_for(to.host, parts_.proxy), kDialTimeoutMs), to.host,
                                       kDialTimeoutMs);
  } catch (const Error&) {
    return;  // it is really away
  }
  try {
    const Certificate own = Certificate::from_pem(identity_.tls.authority_pem, "this device's authority");
    trusted_authority(presented, own.fingerprint(), to.host, parts_.clock.now_ms());
  } catch (const Error& e) {
    fail(e.code(), "{} (this device belongs to fleet {}; to join another one, enrol it in an empty folder)",
         e.what(), identity_.fleet_id);
  }
}

void wait_or_stop(int64_t ms, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
}

wire::v1::CheckInReply Agent::check_in(uint32_t hold_ms, std::stop_token stop) {
  wire::v1::CheckInRequest request;
  request.set_protocol(kWireVersion);
  request.set_software("dunlin");
  for (const StrategyDef* s : strategies())
    request.mutable_capabilities()->add_strategies(std::string(s->name));
  request.mutable_capabilities()->set_max_artefact_bytes(kMaxArtefactBytes);
  const DeviceData& data = parts_.tasks.data();
  // No round should wait for a device that cannot learn.
  const bool fit = unfit_.empty() && unusable_.empty();
  request.set_train_examples(fit && data.train ? data.train->size() : 0);
  request.set_evaluation_examples(fit && data.held_out ? data.held_out->size() : 0);
  request.set_hold_ms(hold_ms);
  request.set_model_sha256(model_sha256_);
  grpc::ClientContext context;
  set_timeout(context, kHoldMs + kCallTimeoutMs);
  const StopGuard guard(stop, context);
  wire::v1::CheckInReply reply;
  check_status(fleet_->CheckIn(&context, request, &reply), "looking in");
  return reply;
}

void Agent::take_model(const wire::v1::CheckInReply& newest, std::stop_token stop,
                       const TaskRunner::OnEvent& on_event, const OnModel& on_model) {
  const uint64_t version = newest.version();
  const Sha256 name = sha256_of(newest.model_sha256(), "the newest model");
  const std::string path = parts_.models.fetch(name, *chunks_, stop);
  std::string unfit;
  try {
    unfit = parts_.tasks.why_unfit(path);
    on_model(version, path);
  } catch (const Error& e) {
    if (stop.stop_requested() || passes(e.code())) throw;
    // A bad version is no reason to stop: the device goes on with the one it has until a better one comes.
    spdlog::error("version {} cannot be used: {}", version, e.what());
    unusable_ = newest.model_sha256();
    return on_event({.kind = DeviceEvent::Kind::kCannotLearn, .text = e.what(), .version = version});
  }
  parts_.models.set_current(version, name);  // after the swap, for it removes the file that was run until now
  model_sha256_ = newest.model_sha256();
  unfit_ = std::move(unfit);
  on_event({.kind = DeviceEvent::Kind::kModelChanged, .text = path, .version = version});
  if (!unfit_.empty())
    on_event({.kind = DeviceEvent::Kind::kCannotLearn, .text = unfit_, .version = version});
}

wire::v1::ReportReply Agent::report(wire::v1::ReportRequest& request, std::stop_token stop) {
  request.set_protocol(kWireVersion);
  grpc::ClientContext context;
  set_timeout(context, kCallTimeoutMs);
  const StopGuard guard(stop, context);
  wire::v1::ReportReply reply;
  check_status(fleet_->Report(&context, request, &reply), "reporting");
  return reply;
}

void Agent::do_task(const wire::v1::Task& task, std::stop_token stop, const TaskRunner::OnEvent& on_event) {
  on_event({.kind = DeviceEvent::Kind::kTaskStarted, .text = task.id(), .round = task.round()});
  int64_t pause_ms = 0;
  try {
    const wire::v1::CommitReply reply = parts_.tasks.run(task, *fleet_, *chunks_, stop, on_event);
    std::string text = wire::v1::Reason_Name(reply.reason());
    if (!reply.message().empty()) text += ": " + reply.message();
    on_event({.kind = DeviceEvent::Kind::kTaskEnded, .text = text, .round = task.round()});
    if (reply.reason() == wire::v1::UPDATE_ACCEPTED) return failures_.reset();
    pause_ms = reply.come_back_ms();
    // To be late or cut short says nothing about the next time.
    if (reply.reason() == wire::v1::ROUND_OVER || reply.reason() == wire::v1::UPLOAD_INCOMPLETE)
      return parts_.wait(pause_ms, stop);
  } catch (const Error& e) {
    // A stop, a broken link and a full disk pass; anything else will not: then the round need not wait for
    // this device.
    if (stop.stop_requested() || passes(e.code())) throw;
    spdlog::error("task {}: {}", task.id(), e.what());
    wire::v1::ReportRequest request;
    request.set_task(task.id());
    request.set_attempt(task.attempt());
    request.set_reason(wire::v1::DEVICE_FAILED);
    request.set_message(what_may_be_told(e));
    pause_ms = report(request, stop).come_back_ms();
    on_event({.kind = DeviceEvent::Kind::kTaskEnded, .text = e.what(), .round = task.round()});
  }
  // The next round's task is likely to fail as well, and each try may cost the fleet a round.
  parts_.wait(std::max(pause_ms, failures_.next_ms()), stop);
}

void Agent::do_evaluation(const wire::v1::Evaluation& evaluation, std::stop_token stop) {
  wire::v1::ReportRequest request;
  request.set_version(evaluation.version());
  try {
    const Sha256 name = sha256_of(evaluation.model().sha256(), "the model to evaluate");
    *request.mutable_evaluation() = parts_.tasks.evaluate(parts_.models.fetch(name, *chunks_, stop));
    request.set_reason(wire::v1::REPORT_ACCEPTED);
  } catch (const Error& e) {
    if (stop.stop_requested() || passes(e.code())) throw;
    spdlog::error("evaluating version {}: {}", evaluation.version(), e.what());
    request.set_reason(wire::v1::DEVICE_FAILED);
    request.set_message(what_may_be_told(e));
  }
  report(request, stop);
  evaluated_ = evaluation.version();
}

bool Agent::run(std::stop_token stop, const TaskRunner::OnEvent& on_event, const OnModel& on_model) {
  if (!unfit_.empty()) on_event({.kind = DeviceEvent::Kind::kCannotLearn, .text = unfit_});
  while (!stop.stop_requested()) {
    try {
      renew_if_due();
      // The first look only fetches the model: whether this device can learn shows then.
      const bool first = model_sha256_.empty() && unusable_.empty();
      const wire::v1::CheckInReply reply = check_in(first ? 0 : kHoldMs, stop);
      met_ = true;
      if (reply.model_sha256() != unusable_) unusable_.clear();
      if (!reply.model_sha256().empty() && reply.model_sha256() != model_sha256_ && unusable_.empty()) {
        take_model(reply, stop, on_event, on_model);
        if (first) continue;
      }
      back_off_.reset();  // a version that cannot be fetched is tried ever more rarely
      if (reply.has_task()) {
        do_task(reply.task(), stop, on_event);
        continue;
      }
      if (reply.has_evaluation() && reply.evaluation().version() != evaluated_) {
        do_evaluation(reply.evaluation(), stop);
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
      parts_.wait(reply.come_back_ms(), stop);
    } catch (const TrainingStopped&) {
      return false;
    } catch (const Error& e) {
      if (stop.stop_requested()) return false;
      if (e.code() == ErrorCode::kPermissionDenied || e.code() == ErrorCode::kFailedPrecondition) throw;
      if (!met_ && e.code() == ErrorCode::kUnavailable) expect_own_fleet();
      const int64_t ms = back_off_.next_ms();
      on_event({.kind = DeviceEvent::Kind::kUnreachable, .text = e.what(), .wait_ms = ms});
      // A new channel: the old one would go on dialling at its own pace, and fail our next try while it waits.
      connect();
      parts_.wait(ms, stop);
    }
  }
  return false;
}

}  // namespace dunlin::fleet
