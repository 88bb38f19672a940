#include "fleet/coordinator/coordinator.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

using wire::v1::Reason;

namespace {

constexpr int64_t kLookMs = 500;
constexpr int64_t kSoonMs = 50;  // "come back at once", with some jitter
constexpr int64_t kResumeGraceMs = 60'000;
constexpr int64_t kMaxRetryMs = 3'600'000;
constexpr size_t kMaxMessage = 1000;

std::string to_wire_hash(const std::string& hex) {
  const Bytes b = from_hex(hex);
  return std::string(as_chars(b));
}

void set(wire::v1::Artefact* out, const ArtefactRow& row) {
  out->set_sha256(to_wire_hash(row.sha256));
  out->set_size(row.size);
}

// An evaluation counts by its examples: no device counts for more than an update may.
Evaluated evaluated(const wire::v1::Metrics& m, uint64_t max_examples) {
  return {std::min(m.examples(), max_examples), m.loss(), m.accuracy()};
}

std::string text_of(const std::map<std::string, std::string>& params) {
  std::string out;
  for (const auto& [name, value] : params) out += fmt::format("{}{}={}", out.empty() ? "" : ",", name, value);
  return out;
}

Reason answer_of(const TaskRow& t) {
  if (t.state == "accepted") return wire::v1::UPDATE_ACCEPTED;
  if (t.state == "over") return wire::v1::ROUND_OVER;
  return static_cast<Reason>(t.reason);
}

}  // namespace

Coordinator::Coordinator(const std::string& dir, const CoordinatorSettings& settings,
                         const CoordinatorParts& parts, ByteSpan first_model,
                         const Database::Options& database)
    : lock_(dir, "coordinator.lock", "coordinator"),
      settings_(settings),
      parts_(parts),
      artefacts_(join_path(dir, "artefacts"), parts.files),
      accumulators_(join_path(dir, "accumulators"), parts.files),
      store_(database_path(dir), settings.population, database),
      strategy_(make_strategy(settings.strategy, settings.strategy_params)),
      pool_(settings_) {
  settings_.check();
  remove_temporaries(dir, parts_.files);
  if (!store_.population()) create(first_model);
  resume();
}

Coordinator::~Coordinator() { stop(); }

void Coordinator::create(ByteSpan first_model) {
  const NamedTensors tensors = parts_.codec.read(first_model);
  const State state = strategy_->state();
  if (update_shape(state, tensors).empty())
    fail(ErrorCode::kInvalidArgument,
         "population \"{}\": the model has nothing that strategy {} would aggregate", settings_.population,
         settings_.strategy);
  VersionRow first;
  first.created_ms = parts_.clock.now_ms();
  first.model = {artefacts_.put(first_model), first_model.size(), "model"};
  if (!state.server.empty()) {
    const Bytes server = zeros(state.server, state, tensors).serialise();
    first.server_state = {artefacts_.put(server), server.size(), "server_state"};
  }
  if (!state.broadcast.empty()) {
    const Bytes broadcast = zeros(state.broadcast, state, tensors).serialise();
    first.broadcast = {artefacts_.put(broadcast), broadcast.size(), "broadcast"};
  }
  store_.create_population(
      {settings_.population, settings_.seed, settings_.strategy, text_of(settings_.strategy_params), 0},
      first);
}

// What a fleet began with and its later versions stand on.
void Coordinator::check_population(const PopulationRow& population) const {
  const auto same = [&](const char* what, const auto& began, const auto& now) {
    if (began != now)
      fail(ErrorCode::kFailedPrecondition, "population \"{}\": began with {} \"{}\", the settings say \"{}\"",
           population.name, what, began, now);
  };
  same("strategy", population.strategy, settings_.strategy);
  same("strategy_params", population.strategy_params, text_of(settings_.strategy_params));
  same("seed", population.seed, settings_.seed);
}

void Coordinator::resume() {
  const PopulationRow population = *store_.population();
  check_population(population);
  version_ = store_.version(population.version);
  for (std::string& device : store_.evaluators(population.version)) evaluated_.insert(std::move(device));
  metrics_.version.Set(static_cast<double>(population.version));
  if (const auto row = store_.live_round()) {
    try {
      round_ = std::make_unique<LiveRound>(load_round(*row, store_, accumulators_, parts_.inbox));
      // Devices get some time even when the coordinator was away beyond the deadline.
      round_->row.deadline_ms = std::max(
          round_->row.deadline_ms, parts_.clock.now_ms() + std::min(settings_.deadline_ms, kResumeGraceMs));
      spdlog::info("round {} goes on: {} of {} updates are here", row->number, round_->sum.updates(),
                   row->target);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kCorrupt && e.code() != ErrorCode::kNotFound) throw;
      spdlog::error("round {} cannot go on: {}", row->number, e.what());
      store_.fail_round(*row, fmt::format("cannot be resumed: {}", e.what()), parts_.clock.now_ms());
    }
  }
  for (const std::string& name : parts_.files.list(accumulators_.dir()))
    if (!round_ || name != round_->accumulator) parts_.files.remove(join_path(accumulators_.dir(), name));
  resume_inbox();
  sweep_artefacts(version_.number);
  if (const auto last = store_.last_round()) {
    if (last->state == "failed" && last->number == version_.number + 1) {
      next_attempt_ = last->attempt + 1;
      not_before_ms_ = retry_ms(*last);
    }
  }
}

// What made a round fail is mostly still there: ever longer pauses, so that a fleet whose devices all fail
// neither wears them out nor fills the disk.
int64_t Coordinator::retry_ms(const RoundRow& failed) const {
  const int64_t pause = settings_.pace_ms
                        << std::min<uint32_t>(failed.attempt - 1, 20);  // pace_ms is at most a week
  return failed.closed_ms.value_or(parts_.clock.now_ms()) +
         std::min(pause, std::max(kMaxRetryMs, settings_.pace_ms));
}

// Uploads that are still to come or not in a checkpoint yet; what else lies there is of the past.
void Coordinator::resume_inbox() {
  std::vector<TaskRow> wanted;
  if (round_)
    for (const auto& [device, task] : round_->tasks)
      if (task.state == "assigned" || (task.state == "accepted" && !task.checkpoint)) wanted.push_back(task);
  parts_.inbox.keep_only(wanted);
}

// The files of old versions, and of versions that a crash kept from being published.
void Coordinator::sweep_artefacts(uint64_t newest) noexcept {
  try {
    const uint64_t keep = settings_.keep_versions;
    const std::set<std::string> wanted =
        store_.artefacts_since(keep > 0 && newest >= keep ? newest - keep + 1 : 0);
    for (const std::string& name : parts_.files.list(artefacts_.dir()))
      if (!wanted.contains(name)) artefacts_.remove(name);
  } catch (const std::exception& e) {
    spdlog::warn("old versions: cannot be removed: {}", e.what());
  }
}

uint32_t Coordinator::jittered(int64_t ms) {
  uint32_t r = 0;
  parts_.random.fill(std::as_writable_bytes(std::span(&r, 1)));
  return static_cast<uint32_t>(static_cast<double>(ms) * (0.8 + 0.4 * (r * 0x1p-32)));
}

// Places for held check-ins are few; while some are free, "come back soon and be held" costs least.
uint32_t Coordinator::soon_or_pace() {
  return jittered(!is_finished() && held_.size() < settings_.max_held ? kSoonMs : settings_.pace_ms);
}

void Coordinator::wake_worker() {
  work_waiting_ = true;
  work_.notify_all();
}

Reason Coordinator::unable(const wire::v1::CheckInRequest& request, std::string& message) const {
  if (request.train_examples() == 0) return wire::v1::NO_TRAINING_DATA;
  const auto& known = request.capabilities().strategies();
  if (std::find(known.begin(), known.end(), settings_.strategy) == known.end()) {
    message = fmt::format("the device does not know strategy {}", settings_.strategy);
    return wire::v1::MISSING_CAPABILITY;
  }
  if (const uint64_t limit = request.capabilities().max_artefact_bytes();
      limit > 0 && version_.model.size > limit) {
    message = fmt::format("the model has {}, the device takes {}", human_bytes(version_.model.size),
                          human_bytes(limit));
    return wire::v1::MISSING_CAPABILITY;
  }
  return wire::v1::REASON_UNSPECIFIED;
}

wire::v1::Task Coordinator::task_message(const LiveRound& round, const TaskRow& task) const {
  wire::v1::Task t;
  t.set_id(task.id);
  t.set_attempt(task.attempt);
  t.set_round(round.row.number);
  t.set_deadline_in_ms(static_cast<uint32_t>(
      std::clamp<int64_t>(round.row.deadline_ms - parts_.clock.now_ms(), 0, UINT32_MAX)));
  set(t.mutable_model(), version_.model);
  if (version_.broadcast) set(t.mutable_broadcast(), *version_.broadcast);
  *t.mutable_plan() = round.plan;
  return t;
}

bool Coordinator::answer_with_work(const std::string& device, const wire::v1::CheckInRequest& request,
                                   wire::v1::CheckInReply& reply) {
  if (round_ && round_->open()) {
    const auto it = round_->tasks.find(device);
    if (it != round_->tasks.end() && it->second.state == "assigned") {
      reply.set_reason(wire::v1::TASK_ASSIGNED);
      *reply.mutable_task() = task_message(*round_, it->second);
      return true;
    }
  }
  if (!is_finished()) return false;
  reply.set_reason(wire::v1::FLEET_FINISHED);
  reply.set_come_back_ms(jittered(settings_.pace_ms));
  if (settings_.device_evaluation && request.evaluation_examples() > 0 && !evaluated_.contains(device)) {
    reply.mutable_evaluation()->set_version(version_.number);
    set(reply.mutable_evaluation()->mutable_model(), version_.model);
  }
  return true;
}

wire::v1::CheckInReply Coordinator::check_in(const std::string& device,
                                             const wire::v1::CheckInRequest& request,
                                             const std::function<bool()>& cancelled) {
  wire::v1::CheckInReply reply;
  Lock lock(mutex_);
  const auto done = [&](Reason reason, std::string message = {}) {
    reply.set_reason(reason);
    reply.set_message(std::move(message));
    reply.set_come_back_ms(jittered(settings_.pace_ms));
    reply.set_version(version_.number);
    reply.set_model_sha256(to_wire_hash(version_.model.sha256));
    metrics_.check_in(Reason_Name(reason));
    return reply;
  };
  if (request.protocol() != kWireVersion)
    return done(wire::v1::WRONG_PROTOCOL,
                fmt::format("the device speaks wire version {}, this coordinator {}", request.protocol(),
                            kWireVersion));
  if (!request.population().empty() && request.population() != settings_.population)
    return done(wire::v1::UNKNOWN_POPULATION,
                fmt::format("this coordinator serves \"{}\"", settings_.population));

  const int64_t now = parts_.clock.now_ms();
  const DeviceRow row{device, request.software().substr(0, kMaxMessage), request.train_examples(),
                      request.evaluation_examples(), now};
  seen_[device] = row;
  if (answer_with_work(device, request, reply)) {
    const uint32_t come_back = reply.come_back_ms();
    done(reply.reason());
    reply.set_come_back_ms(come_back);
    return reply;
  }
  std::string message;
  if (const Reason why = unable(request, message); why != wire::v1::REASON_UNSPECIFIED) {
    pool_.leave(device);
    return done(why, message);
  }
  const bool hold =
      request.hold_ms() > 0 && held_.size() < settings_.max_held && !stopping_ && held_.insert(device).second;
  pool_.join(row, now, hold);
  wake_worker();
  bool answered = false;
  if (hold) {
    const int64_t until =
        parts_.clock.monotonic_ms() + std::min<int64_t>(request.hold_ms(), settings_.max_hold_ms);
    while (!answered && !stopping_ && !(cancelled && cancelled())) {
      const int64_t left = until - parts_.clock.monotonic_ms();
      if (left <= 0) break;
      // Wakes now and then by itself, since nothing tells us that the device hung up.
      changed_.wait_for(lock, std::chrono::milliseconds(std::min<int64_t>(left, kLookMs)));
      answered = answer_with_work(device, request, reply);
    }
    held_.erase(device);
    pool_.release(device, parts_.clock.now_ms());
  }
  const uint32_t come_back = answered ? reply.come_back_ms()
                             : hold   ? jittered(kSoonMs)
                                      : jittered(settings_.pace_ms);
  done(answered ? reply.reason() : round_ ? wire::v1::NOT_SELECTED : wire::v1::NO_ROUND_OPEN);
  reply.set_come_back_ms(come_back);
  return reply;
}

std::optional<TaskRow> Coordinator::live_task(const std::string& device, const std::string& task,
                                              uint32_t attempt) {
  if (!round_ || !round_->open()) return std::nullopt;
  const auto it = round_->tasks.find(device);
  if (it == round_->tasks.end() || it->second.id != task || it->second.attempt != attempt ||
      it->second.state != "assigned")
    return std::nullopt;
  return it->second;
}

wire::v1::CommitReply Coordinator::first_answer(const std::string& device, const std::string& task,
                                                uint32_t attempt) {
  wire::v1::CommitReply reply;
  const auto known = store_.task(task);
  {
    Lock lock(mutex_);
    reply.set_come_back_ms(soon_or_pace());
  }
  if (!known || known->device != device || known->attempt != attempt) {
    reply.set_reason(wire::v1::UNKNOWN_TASK);
    reply.set_message(fmt::format("no task \"{}\" attempt {} of this device", task.substr(0, 80), attempt));
    return reply;
  }
  reply.set_reason(answer_of(*known));
  reply.set_message(known->message);
  if (known->state == "over") reply.set_message(fmt::format("round {} is over", known->round));
  return reply;
}

wire::v1::CommitReply Coordinator::commit(const std::string& device, const wire::v1::CommitRequest& request) {
  check_wire_version(request.protocol());
  std::optional<TaskRow> task;
  wire::v1::CommitReply reply;
  const auto refuse = [&](Reason reason, std::string message) {
    reply.set_reason(reason);
    reply.set_message(std::move(message));
    metrics_.update(Reason_Name(reason));
    return reply;
  };
  std::vector<TensorCode> codes;
  UpdateLimits limits;
  uint64_t max_bytes = 0;
  {
    Lock lock(mutex_);
    task = live_task(device, request.task(), request.attempt());
    if (task) {
      codes = round_->codes;
      limits = round_->limits(*task);
      max_bytes = std::min(settings_.max_update_bytes, round_->max_update_bytes());
    }
  }
  if (!task) {
    reply = first_answer(device, request.task(), request.attempt());
    return refuse(reply.reason(), reply.message());
  }
  reply.set_come_back_ms(kSoonMs);
  checking_.acquire();
  const auto release = [](auto* s) { s->release(); };
  const std::unique_ptr<std::counting_semaphore<>, decltype(release)> permit(&checking_, release);
  ReceivedUpdate received;
  CheckedUpdate update;
  try {
    received = parts_.inbox.read(*task, max_bytes);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kNotFound) {
      // The same commit may have been settled meanwhile: then the upload is folded, and gone.
      Lock lock(mutex_);
      const bool live = live_task(device, task->id, task->attempt).has_value();
      lock.unlock();
      if (live) return refuse(wire::v1::UPLOAD_INCOMPLETE, "parts of the upload are missing");
      reply = first_answer(device, task->id, task->attempt);
      return refuse(reply.reason(), reply.message());
    }
    if (e.code() != ErrorCode::kResourceExhausted) throw;
    update.reason = wire::v1::UPDATE_TOO_LARGE;
    update.message = fmt::format("update: larger than {}", human_bytes(max_bytes));
  }
  if (update.reason == wire::v1::UPDATE_ACCEPTED) {
    // The upload stays: a commit of the right one may be under way, and another upload replaces it anyway.
    const std::string hash = to_hex(received.sha256);
    if (hash != to_hex(as_bytes(request.sha256())) || received.bytes.size() != request.size())
      return refuse(wire::v1::HASH_MISMATCH,
                    fmt::format("the upload has hash {} and {} bytes", hash, received.bytes.size()));
    update = check_update(received.bytes, task->id, codes, limits);
  }
  reply = settle(*task, received.sha256, received.bytes.size(), update);
  metrics_.update(Reason_Name(reply.reason()));
  return reply;
}

wire::v1::CommitReply Coordinator::settle(const TaskRow& task, const Sha256& sha256, uint64_t size,
                                          const CheckedUpdate& update) {
  Lock transition(transition_);
  Lock look(mutex_);
  const bool live = live_task(task.device, task.id, task.attempt).has_value();
  look.unlock();
  if (!live) return first_answer(task.device, task.id, task.attempt);
  const std::string hash = to_hex(sha256);
  const int64_t now = parts_.clock.now_ms();
  const bool accepted = update.reason == wire::v1::UPDATE_ACCEPTED;
  LiveRound& round = *round_;  // only transitions change it
  if (accepted && !parts_.inbox.seal(task, sha256)) {
    // Begun anew since it was read: a crash would find other bytes than those that were counted.
    wire::v1::CommitReply reply;
    reply.set_reason(wire::v1::UPLOAD_INCOMPLETE);
    reply.set_message("another upload was begun meanwhile");
    reply.set_come_back_ms(kSoonMs);
    return reply;
  }
  if (accepted) {
    const auto& h = update.header;
    const uint64_t most = settings_.max_weight;
    std::optional<Evaluated> evaluation;
    if (h.evaluation().examples() > 0) evaluation = evaluated(h.evaluation(), most);
    DUNLIN_CHECK(store_.accept_update(
        {task.id, hash, size, h.weight(), h.clipped_values(), evaluated(h.training(), most), evaluation},
        now));
    round.sum.fold(update.codes, h.weight());
    round.folded_since_checkpoint.push_back(task.id);
  } else {
    DUNLIN_CHECK(store_.close_task(task.id, "refused", update.reason, update.message, now));
    parts_.inbox.discard(task);
    spdlog::warn("device {}: its update is refused: {}", task.device, update.message);
  }
  wire::v1::CommitReply reply;
  {
    Lock lock(mutex_);
    TaskRow& row = round.tasks.at(task.device);
    row.state = accepted ? "accepted" : "refused";
    row.reason = update.reason;
    row.message = update.message;
    row.sha256 = hash;
    if (accepted && update.header.evaluation().examples() > 0) evaluated_.insert(task.device);
    if (round.sum.updates() >= round.row.target || round.count("assigned") == 0) wake_worker();
    reply.set_come_back_ms(soon_or_pace());
  }
  if (round.folded_since_checkpoint.size() >= settings_.checkpoint_every) {
    try {
      save_checkpoint();
    } catch (const Error& e) {  // the updates themselves are durable; the next one tries again
      spdlog::warn("round {}: no checkpoint: {}", round.row.number, e.what());
    }
  }
  reply.set_reason(update.reason);
  reply.set_message(update.message);
  return reply;
}

void Coordinator::save_checkpoint() {
  LiveRound& round = *round_;
  const std::string before = round.accumulator;
  const std::string hash = accumulators_.put(round.sum.serialise());
  store_.save_checkpoint(round.row, {round.checkpoint + 1, hash, round.sum.updates()},
                         round.folded_since_checkpoint);
  round.checkpoint += 1;
  round.accumulator = hash;
  const std::vector<std::string> folded = std::exchange(round.folded_since_checkpoint, {});
  {
    Lock lock(mutex_);
    for (const std::string& id : folded) round.find(id)->checkpoint = round.checkpoint;
  }
  for (const std::string& id : folded) parts_.inbox.discard(*round.find(id));
  if (!before.empty() && before != hash) accumulators_.remove(before);
}

wire::v1::ReportReply Coordinator::report_evaluation(const std::string& device,
                                                     const wire::v1::ReportRequest& request) {
  wire::v1::ReportReply reply;
  {
    Lock lock(mutex_);
    reply.set_come_back_ms(soon_or_pace());
    if (request.version() != version_.number) {
      reply.set_reason(wire::v1::ROUND_OVER);
      reply.set_message(fmt::format("version {} is not the newest, {}", request.version(), version_.number));
      return reply;
    }
    // Whatever it says: a device whose result is no number would else be asked again and again.
    evaluated_.insert(device);
  }
  const auto& m = request.evaluation();
  std::string why;
  if (const Reason reason = check_metrics(m, why); reason != wire::v1::UPDATE_ACCEPTED || m.examples() == 0) {
    reply.set_reason(m.examples() == 0 ? wire::v1::IMPLAUSIBLE_METRICS : reason);
    reply.set_message("evaluation: " + (m.examples() == 0 ? "over no example" : why));
    return reply;
  }
  store_.save_evaluation(request.version(), device, evaluated(m, settings_.max_weight),
                         parts_.clock.now_ms());
  reply.set_reason(wire::v1::REPORT_ACCEPTED);
  return reply;
}

wire::v1::ReportReply Coordinator::report(const std::string& device, const wire::v1::ReportRequest& request) {
  check_wire_version(request.protocol());
  if (request.subject_case() == wire::v1::ReportRequest::kVersion) return report_evaluation(device, request);
  wire::v1::ReportReply reply;
  reply.set_reason(wire::v1::REPORT_ACCEPTED);
  Lock transition(transition_);
  Lock look(mutex_);
  reply.set_come_back_ms(soon_or_pace());
  const std::optional<TaskRow> task = live_task(device, request.task(), request.attempt());
  look.unlock();
  if (!task) {
    const auto first = first_answer(device, request.task(), request.attempt());
    if (first.reason() == wire::v1::UNKNOWN_TASK || first.reason() == wire::v1::ROUND_OVER)
      reply.set_reason(first.reason());
    return reply;
  }
  const std::string message = request.message().substr(0, kMaxMessage);
  DUNLIN_CHECK(
      store_.close_task(task->id, "failed", wire::v1::DEVICE_FAILED, message, parts_.clock.now_ms()));
  parts_.inbox.discard(*task);
  spdlog::warn("device {}: no update in round {}: {}", device, task->round, message);
  Lock lock(mutex_);
  TaskRow& row = round_->tasks.at(device);
  row.state = "failed";
  row.reason = wire::v1::DEVICE_FAILED;
  row.message = message;
  if (round_->count("assigned") == 0) wake_worker();
  return reply;
}

Coordinator::Download Coordinator::download(const std::string& sha256) {
  const auto row = store_.artefact(sha256);
  if (!row || row->kind == "server_state") fail(ErrorCode::kNotFound, "artefact {}: there is none", sha256);
  if (!parts_.files.exists(artefacts_.path(sha256)))
    fail(ErrorCode::kNotFound, "artefact {}: of an old version, no longer kept", sha256);
  return {artefacts_.path(sha256), row->size};
}

Reason Coordinator::may_upload(const std::string& device, const std::string& task, uint32_t attempt,
                               uint64_t size) {
  {
    Lock lock(mutex_);
    if (live_task(device, task, attempt))
      return size <= std::min(settings_.max_update_bytes, round_->max_update_bytes())
                 ? wire::v1::UPDATE_ACCEPTED
                 : wire::v1::UPDATE_TOO_LARGE;
  }
  const Reason reason = first_answer(device, task, attempt).reason();
  return reason == wire::v1::UPDATE_ACCEPTED ? wire::v1::ROUND_OVER : reason;
}

void Coordinator::count_traffic(uint64_t up, uint64_t down) {
  metrics_.bytes_up.Increment(static_cast<double>(up));
  metrics_.bytes_down.Increment(static_cast<double>(down));
  Lock lock(mutex_);
  bytes_up_ += up;
  bytes_down_ += down;
}

bool Coordinator::finished() {
  Lock lock(mutex_);
  return is_finished();
}

uint64_t Coordinator::version() {
  Lock lock(mutex_);
  return version_.number;
}

}  // namespace dunlin::fleet
