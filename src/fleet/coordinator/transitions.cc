// The transitions of a round that no request makes: opening, closing, aggregating, publishing, failing.
#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "fleet/coordinator/coordinator.h"

namespace dunlin::fleet {

namespace {

constexpr int64_t kFlushDevicesMs = 5'000;
constexpr int64_t kRetryTickMs = 2'000;  // after a tick that failed, say on a full disk

// Deterministic, so that a test and a log can name it; the certificate, not the id, says whose it is.
std::string task_id(const std::string& population, uint64_t round, uint32_t attempt,
                    const std::string& device) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}", population, round, attempt, device);
  return fmt::format("r{}a{}-{}", round, attempt, to_hex(sha256(as_bytes(text))).substr(0, 16));
}

// One device's own words, since they often are everybody's.
std::string a_complaint(const LiveRound& round) {
  for (const auto& [device, task] : round.tasks)
    if ((task.state == "failed" || task.state == "refused") && !task.message.empty())
      return fmt::format("; device {}: {}", device, task.message.substr(0, 300));
  return "";
}

}  // namespace

int64_t Coordinator::tick() {
  Lock transition(transition_);
  while (advance()) {
  }
  flush_devices(false);
  Lock lock(mutex_);
  int64_t due = seen_.empty() ? INT64_MAX : flushed_ms_ + kFlushDevicesMs;
  if (round_)
    due = std::min(due, round_->row.deadline_ms);
  else if (!is_finished())
    due = std::min(due, parts_.clock.now_ms() < not_before_ms_ ? not_before_ms_ : pool_.ready_at_ms());
  metrics_.devices_waiting.Set(static_cast<double>(pool_.size()));
  metrics_.devices_training.Set(round_ ? static_cast<double>(round_->count("assigned")) : 0);
  return due;
}

void Coordinator::run() {
  for (;;) {
    int64_t due = 0;
    try {
      due = tick();
    } catch (const std::exception& e) {
      spdlog::error("coordinator: {}; trying again", e.what());
      due = parts_.clock.now_ms() + kRetryTickMs;
    }
    Lock lock(mutex_);
    const int64_t wait = std::clamp<int64_t>(due - parts_.clock.now_ms(), 1, kFlushDevicesMs);
    work_.wait_for(lock, std::chrono::milliseconds(wait), [this] { return work_waiting_ || stopping_; });
    work_waiting_ = false;
    if (stopping_) break;
  }
  try {
    Lock transition(transition_);
    flush_devices(true);
  } catch (const std::exception& e) {  // say on a full disk; when devices were seen is no loss
    spdlog::error("coordinator: stopping: {}", e.what());
  }
}

void Coordinator::stop() {
  Lock lock(mutex_);
  stopping_ = true;
  work_.notify_all();
  changed_.notify_all();
}

bool Coordinator::advance() {
  const int64_t now = parts_.clock.now_ms();
  Lock lock(mutex_);
  if (!round_) {
    if (is_finished() || now < not_before_ms_ || !pool_.ready(now)) return false;
    lock.unlock();
    open_round();
    return true;
  }
  const bool open = round_->open(), late = now >= round_->row.deadline_ms,
             idle = round_->count("assigned") == 0;
  lock.unlock();
  if (!open) {
    finish_round();
    return true;
  }
  if (round_->sum.updates() >= round_->row.target || late || idle) {
    close_round(late ? "at the deadline" : "after every device was done");
    return true;
  }
  return false;
}

void Coordinator::open_round() {
  const int64_t now = parts_.clock.now_ms();
  RoundRow row;
  std::vector<DeviceRow> devices;
  {
    Lock lock(mutex_);
    row.number = version_.number + 1;
    row.attempt = next_attempt_;
    devices = pool_.select(row.number, row.attempt);
  }
  row.base_version = version_.number;
  row.seed = round_seed(settings_.seed, row.number);
  row.target = std::min<uint64_t>(settings_.cohort, devices.size());
  row.quorum = std::min(settings_.quorum, row.target);
  row.opened_ms = now;
  row.deadline_ms = now + settings_.deadline_ms;

  wire::v1::Plan plan;
  plan.set_strategy(settings_.strategy);
  for (const auto& [name, value] : settings_.strategy_params) (*plan.mutable_strategy_params())[name] = value;
  auto* training = plan.mutable_training();
  training->set_epochs(settings_.epochs);
  training->set_batch(settings_.batch);
  training->set_optimizer(settings_.optimizer);
  training->set_learning_rate(settings_.learning_rate);
  training->set_momentum(settings_.momentum);
  training->set_weight_decay(settings_.weight_decay);
  plan.set_seed(row.seed);
  plan.set_max_weight(settings_.max_weight);
  plan.set_evaluate_first(settings_.device_evaluation);
  const NamedTensors model = parts_.codec.read(*artefacts_.read(version_.model.sha256));
  const CodeLimits limits{settings_.code_bits, settings_.max_weight, devices.size()};
  for (const TensorCode& c : plan_codes(strategy_->state(), model, limits)) *plan.add_tensors() = to_wire(c);
  row.plan.resize(plan.ByteSizeLong());
  DUNLIN_CHECK(plan.SerializeToArray(row.plan.data(), static_cast<int>(row.plan.size())));

  std::vector<TaskRow> tasks;
  for (const DeviceRow& d : devices) {
    TaskRow t;
    t.id = task_id(settings_.population, row.number, row.attempt, d.id);
    t.round = row.number;
    t.attempt = row.attempt;
    t.device = d.id;
    t.assigned_ms = now;
    t.examples = d.train_examples;
    tasks.push_back(std::move(t));
  }
  auto round = std::make_unique<LiveRound>(row);
  for (const TaskRow& t : tasks) round->tasks.emplace(t.device, t);
  try {
    store_.open_round(row, tasks, devices);
  } catch (...) {
    Lock lock(mutex_);
    for (const DeviceRow& d : devices) pool_.join(d, now, false);
    throw;
  }
  spdlog::info("round {} (attempt {}): {} devices train, {} updates are needed", row.number, row.attempt,
               devices.size(), row.target);
  metrics_.round_number.Set(static_cast<double>(row.number));
  Lock lock(mutex_);
  round_ = std::move(round);
  bytes_up_ = bytes_down_ = 0;
  changed_.notify_all();
}

void Coordinator::close_round(const std::string& when) {
  const LiveRound& round = *round_;
  if (round.sum.updates() < round.row.quorum) {
    fail_round(fmt::format("{} of {} updates {} ({} refused, {} failed, {} missing){}", round.sum.updates(),
                           round.row.quorum, when, round.count("refused"), round.count("failed"),
                           round.count("assigned"), a_complaint(round)));
    return;
  }
  {
    Lock lock(mutex_);
    round_->row.bytes_up = bytes_up_;
    round_->row.bytes_down = bytes_down_;
  }
  DUNLIN_CHECK(store_.begin_closing(round.row, parts_.clock.now_ms()));
  Lock lock(mutex_);
  round_->row.state = "closing";
  for (auto& [device, task] : round_->tasks)
    if (task.state == "assigned") task.state = "over";
}

void Coordinator::finish_round() {
  LiveRound& round = *round_;
  const auto base = artefacts_.read(version_.model.sha256);
  const Model before{parts_.codec.read(*base), version_.model.sha256};
  const State state = strategy_->state();
  ServerState server;
  if (version_.server_state) server = NamedTensors::parse(*artefacts_.read(version_.server_state->sha256));
  const Model after = strategy_->server(before, server, round.sum);
  Bytes artefact = parts_.codec.write(*base, after.tensors);

  VersionRow next;
  next.number = version_.number + 1;
  next.round = round.row.number;
  next.updates = round.sum.updates();
  next.weight = round.sum.weight();
  next.model = {artefacts_.put(artefact), artefact.size(), "model"};
  if (!state.server.empty()) {
    const Bytes bytes = server.serialise();
    next.server_state = {artefacts_.put(bytes), bytes.size(), "server_state"};
  }
  if (!state.broadcast.empty()) {
    std::vector<std::string> names;
    for (const NamedTensor& t : zeros(state.broadcast, state, after.tensors)) names.push_back(t.name);
    const Bytes bytes = server.only(names).serialise();
    next.broadcast = {artefacts_.put(bytes), bytes.size(), "broadcast"};
  }
  std::optional<Evaluated> evaluation;
  if (parts_.evaluator != nullptr) {
    try {
      evaluation = parts_.evaluator->evaluate(artefact);
    } catch (const Error& e) {  // a broken held-out set must not stop the fleet
      spdlog::error("version {}: cannot be evaluated: {}", next.number, e.what());
    }
  }
  next.created_ms = parts_.clock.now_ms();
  store_.publish(round.row, next, evaluation, next.created_ms);

  metrics_.version.Set(static_cast<double>(next.number));
  artefacts_.keep(next.model.sha256, std::move(artefact));
  const double seconds = static_cast<double>(next.created_ms - round.row.opened_ms) / 1e3;
  metrics_.round("published", seconds);
  if (evaluation) {
    metrics_.accuracy.Set(evaluation->accuracy);
    metrics_.loss.Set(evaluation->loss);
    spdlog::info("version {}: {} updates, accuracy {:.4f}, loss {:.4f}, {:.1f} s", next.number, next.updates,
                 evaluation->accuracy, evaluation->loss, seconds);
  } else {
    spdlog::info("version {}: {} updates, {:.1f} s", next.number, next.updates, seconds);
  }
  std::unique_ptr<LiveRound> over;
  {
    Lock lock(mutex_);
    version_ = next;
    evaluated_.clear();
    over = std::move(round_);
    next_attempt_ = 1;
    changed_.notify_all();
  }
  clean(*over);
  sweep_artefacts(next.number);
}

void Coordinator::fail_round(const std::string& reason) {
  {
    Lock lock(mutex_);
    round_->row.bytes_up = bytes_up_;
    round_->row.bytes_down = bytes_down_;
  }
  store_.fail_round(round_->row, reason, parts_.clock.now_ms());
  spdlog::warn("round {} (attempt {}) failed: {}", round_->row.number, round_->row.attempt, reason);
  metrics_.round("failed", 0);
  std::unique_ptr<LiveRound> over;
  {
    Lock lock(mutex_);
    next_attempt_ = round_->row.attempt + 1;
    round_->row.closed_ms = parts_.clock.now_ms();
    not_before_ms_ = retry_ms(round_->row);
    const double pause_s = static_cast<double>(not_before_ms_ - *round_->row.closed_ms) / 1e3;
    spdlog::info("round {}: the next attempt in {:.0f} s", round_->row.number, pause_s);
    over = std::move(round_);
    changed_.notify_all();
  }
  clean(*over);
}

// What is left lying about costs space, never correctness: the store alone says what counts.
void Coordinator::clean(const LiveRound& round) noexcept {
  try {
    for (const auto& [device, task] : round.tasks) parts_.inbox.discard(task);
    if (!round.accumulator.empty()) accumulators_.remove(round.accumulator);
  } catch (const std::exception& e) {
    spdlog::warn("round {}: cannot clean up: {}", round.row.number, e.what());
  }
}

void Coordinator::flush_devices(bool now) {
  std::map<std::string, DeviceRow> seen;
  {
    Lock lock(mutex_);
    const int64_t at = parts_.clock.now_ms();
    if (seen_.empty() || (!now && at < flushed_ms_ + kFlushDevicesMs)) return;
    flushed_ms_ = at;
    seen.swap(seen_);
  }
  std::vector<DeviceRow> rows;
  for (auto& [id, row] : seen) rows.push_back(std::move(row));
  store_.save_devices(rows);
}

}  // namespace dunlin::fleet
