#include "fleet/store/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "fleet/store/schema.h"
#include "fleet/wire/fleet.pb.h"

namespace dunlin::fleet {

namespace {

constexpr const char* kRoundColumns =
    "SELECT number, attempt, state, base_version, seed, target, quorum, opened_ms, deadline_ms, closed_ms, "
    "reason, "
    "plan, bytes_up, bytes_down FROM rounds WHERE population = ? ";

RoundRow read_round(const Statement& s) {
  RoundRow r;
  r.number = s.number(0);
  r.attempt = static_cast<uint32_t>(s.integer(1));
  r.state = s.text(2);
  r.base_version = s.number(3);
  r.seed = s.number(4);
  r.target = s.number(5);
  r.quorum = s.number(6);
  r.opened_ms = s.integer(7);
  r.deadline_ms = s.integer(8);
  if (!s.is_null(9)) r.closed_ms = s.integer(9);
  r.reason = s.text(10);
  r.plan = s.blob(11);
  r.bytes_up = s.number(12);
  r.bytes_down = s.number(13);
  return r;
}

constexpr const char* kTaskColumns =
    "SELECT id, round, attempt, device, state, reason, message, assigned_ms, sha256, size, weight, "
    "checkpoint, examples "
    "FROM tasks WHERE ";

TaskRow read_task(const Statement& s) {
  TaskRow t;
  t.id = s.text(0);
  t.round = s.number(1);
  t.attempt = static_cast<uint32_t>(s.integer(2));
  t.device = s.text(3);
  t.state = s.text(4);
  t.reason = static_cast<int>(s.integer(5));
  t.message = s.text(6);
  t.assigned_ms = s.integer(7);
  t.sha256 = s.text(8);
  t.size = s.number(9);
  t.weight = s.number(10);
  if (!s.is_null(11)) t.checkpoint = s.integer(11);
  t.examples = s.number(12);
  return t;
}

}  // namespace

Store::Store(const std::string& path, std::string population, const Database::Options& options)
    : population_(std::move(population)), db_(path, options) {
  if (options.read_only)
    check_schema(db_);
  else
    prepare_schema(db_);
}

std::optional<PopulationRow> Store::population() {
  std::lock_guard lock(mutex_);
  Statement s(db_, "SELECT name, seed, strategy, strategy_params, version FROM populations WHERE name = ?");
  s << population_;
  if (!s.step()) return std::nullopt;
  return PopulationRow{s.text(0), s.number(1), s.text(2), s.text(3), s.number(4)};
}

void Store::create_population(const PopulationRow& population, const VersionRow& first) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "create_population");
  Statement s(db_,
              "INSERT INTO populations(name, seed, strategy, strategy_params, version, created_ms) "
              "VALUES(?, ?, ?, ?, ?, ?)");
  (s << population.name << population.seed << population.strategy << population.strategy_params
     << first.number << first.created_ms)
      .run();
  write_version(first);
  write_event("population created", std::nullopt, "", population.name, first.created_ms);
  t.commit();
}

VersionRow Store::version(uint64_t number) {
  std::lock_guard lock(mutex_);
  Statement s(db_,
              "SELECT v.round, v.updates, v.weight, v.created_ms, m.sha256, m.size, b.sha256, b.size, "
              "s.sha256, s.size "
              "FROM versions v JOIN artefacts m ON m.sha256 = v.model LEFT JOIN artefacts b ON b.sha256 = "
              "v.broadcast "
              "LEFT JOIN artefacts s ON s.sha256 = v.server_state WHERE v.population = ? AND v.number = ?");
  s << population_ << number;
  if (!s.step())
    fail(ErrorCode::kNotFound, "version {}: there is none in population \"{}\"", number, population_);
  VersionRow v;
  v.number = number;
  if (!s.is_null(0)) v.round = s.number(0);
  v.updates = s.number(1);
  v.weight = s.number(2);
  v.created_ms = s.integer(3);
  v.model = {s.text(4), s.number(5), "model"};
  if (!s.is_null(6)) v.broadcast = {s.text(6), s.number(7), "broadcast"};
  if (!s.is_null(8)) v.server_state = {s.text(8), s.number(9), "server_state"};
  return v;
}

std::optional<ArtefactRow> Store::artefact(const std::string& sha256) {
  std::lock_guard lock(mutex_);
  Statement s(db_, "SELECT size, kind FROM artefacts WHERE sha256 = ?");
  s << sha256;
  if (!s.step()) return std::nullopt;
  return ArtefactRow{sha256, s.number(0), s.text(1)};
}

std::optional<RoundRow> Store::round_where(const char* condition) {
  std::lock_guard lock(mutex_);
  Statement s(db_, (std::string(kRoundColumns) + condition).c_str());
  s << population_;
  if (!s.step()) return std::nullopt;
  return read_round(s);
}

std::optional<RoundRow> Store::live_round() { return round_where("AND state IN ('open', 'closing')"); }
std::optional<RoundRow> Store::last_round() {
  return round_where("ORDER BY number DESC, attempt DESC LIMIT 1");
}

std::optional<AccumulatorRow> Store::accumulator(const RoundRow& round) {
  std::lock_guard lock(mutex_);
  Statement s(db_,
              "SELECT checkpoint, sha256, updates FROM accumulators WHERE population = ? AND round = ? AND "
              "attempt = ?");
  s << population_ << round.number << round.attempt;
  if (!s.step()) return std::nullopt;
  return AccumulatorRow{s.integer(0), s.text(1), s.number(2)};
}

std::vector<TaskRow> Store::tasks(const RoundRow& round) {
  std::lock_guard lock(mutex_);
  Statement s(
      db_,
      (std::string(kTaskColumns) + "population = ? AND round = ? AND attempt = ? ORDER BY device").c_str());
  s << population_ << round.number << round.attempt;
  std::vector<TaskRow> out;
  while (s.step()) out.push_back(read_task(s));
  return out;
}

std::optional<TaskRow> Store::task(const std::string& id) {
  std::lock_guard lock(mutex_);
  Statement s(db_, (std::string(kTaskColumns) + "population = ? AND id = ?").c_str());
  s << population_ << id;
  if (!s.step()) return std::nullopt;
  return read_task(s);
}

std::set<std::string> Store::artefacts_since(uint64_t version) {
  std::lock_guard lock(mutex_);
  Statement s(db_, "SELECT model, broadcast, server_state FROM versions WHERE number >= ?");
  s << version;
  std::set<std::string> out;
  while (s.step())
    for (int column = 0; column < 3; ++column)
      if (!s.is_null(column)) out.insert(s.text(column));
  return out;
}

std::vector<std::string> Store::evaluators(uint64_t version) {
  std::lock_guard lock(mutex_);
  Statement s(db_, "SELECT device FROM evaluations WHERE population = ? AND version = ? AND device != ''");
  s << population_ << version;
  std::vector<std::string> out;
  while (s.step()) out.push_back(s.text(0));
  return out;
}

void Store::open_round(const RoundRow& r, const std::vector<TaskRow>& tasks,
                       const std::vector<DeviceRow>& devices) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "open_round");
  for (const DeviceRow& d : devices) write_device(d);
  Statement round(
      db_,
      "INSERT INTO rounds(population, number, attempt, state, base_version, seed, target, quorum, "
      "opened_ms, deadline_ms, plan) VALUES(?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?)");
  (round << population_ << r.number << r.attempt << r.base_version << r.seed << r.target << r.quorum
         << r.opened_ms << r.deadline_ms << ByteSpan(r.plan))
      .run();
  Statement task(db_,
                 "INSERT INTO tasks(id, population, round, attempt, device, state, assigned_ms, examples) "
                 "VALUES(?, ?, ?, ?, ?, 'assigned', ?, ?)");
  for (const TaskRow& row : tasks)
    (task << row.id << population_ << r.number << r.attempt << row.device << row.assigned_ms << row.examples)
        .run();
  write_event("round opened", r.number, "", fmt::format("attempt {}, {} devices", r.attempt, tasks.size()),
              r.opened_ms);
  t.commit();
}

bool Store::accept_update(const AcceptedUpdate& u, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "accept_update");
  Statement s(
      db_,
      "UPDATE tasks SET state = 'accepted', reason = ?, closed_ms = ?, sha256 = ?, size = ?, weight = ?, "
      "loss = ?, accuracy = ?, clipped = ? WHERE id = ? AND population = ? AND state = 'assigned' AND EXISTS "
      "(SELECT 1 FROM rounds r WHERE r.population = tasks.population AND r.number = tasks.round AND "
      "r.attempt = tasks.attempt AND r.state = 'open')");
  (s << wire::v1::UPDATE_ACCEPTED << now_ms << u.sha256 << u.size << u.weight << u.training.loss
     << u.training.accuracy << u.clipped << u.task << population_)
      .run();
  if (db_.changes() == 0) return false;
  if (u.evaluation) {
    Statement e(
        db_,
        "INSERT OR REPLACE INTO evaluations(population, version, device, examples, loss, accuracy, at_ms) "
        "SELECT t.population, r.base_version, t.device, ?, ?, ?, ? FROM tasks t JOIN rounds r ON "
        "r.population = t.population AND r.number = t.round AND r.attempt = t.attempt WHERE t.id = ?");
    (e << u.evaluation->examples << u.evaluation->loss << u.evaluation->accuracy << now_ms << u.task).run();
  }
  t.commit();
  return true;
}

bool Store::close_task(const std::string& task, const std::string& state, int reason,
                       const std::string& message, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "close_task");
  Statement s(db_,
              "UPDATE tasks SET state = ?, reason = ?, message = ?, closed_ms = ? WHERE id = ? AND "
              "population = ? AND "
              "state = 'assigned'");
  (s << state << reason << message << now_ms << task << population_).run();
  if (db_.changes() == 0) return false;
  t.commit();
  return true;
}

void Store::save_checkpoint(const RoundRow& r, const AccumulatorRow& row,
                            const std::vector<std::string>& tasks) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "save_checkpoint");
  Statement a(db_,
              "INSERT OR REPLACE INTO accumulators(population, round, attempt, checkpoint, sha256, updates) "
              "VALUES(?, ?, ?, ?, ?, ?)");
  (a << population_ << r.number << r.attempt << row.checkpoint << row.sha256 << row.updates).run();
  Statement s(db_,
              "UPDATE tasks SET checkpoint = ? WHERE id = ? AND state = 'accepted' AND checkpoint IS NULL");
  for (const std::string& id : tasks) {
    (s << row.checkpoint << id).run();
    DUNLIN_CHECK(db_.changes() == 1);
  }
  t.commit();
}

void Store::end_tasks(const RoundRow& r, int64_t now_ms) {
  Statement s(db_,
              "UPDATE tasks SET state = 'over', reason = ?, closed_ms = ? WHERE population = ? AND round = ? "
              "AND attempt = ? AND state = 'assigned'");
  (s << wire::v1::ROUND_OVER << now_ms << population_ << r.number << r.attempt).run();
}

bool Store::begin_closing(const RoundRow& r, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "begin_closing");
  Statement s(
      db_,
      "UPDATE rounds SET state = 'closing', bytes_up = ?, bytes_down = ? WHERE population = ? AND number = ? "
      "AND attempt = ? AND state = 'open'");
  (s << r.bytes_up << r.bytes_down << population_ << r.number << r.attempt).run();
  if (db_.changes() == 0) return false;
  end_tasks(r, now_ms);
  t.commit();
  return true;
}

void Store::publish(const RoundRow& r, const VersionRow& version, const std::optional<Evaluated>& evaluation,
                    int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "publish");
  Statement s(db_,
              "UPDATE rounds SET state = 'published', closed_ms = ? WHERE population = ? AND number = ? AND "
              "attempt = ? AND state = 'closing'");
  (s << now_ms << population_ << r.number << r.attempt).run();
  DUNLIN_CHECK(db_.changes() == 1);
  write_version(version);
  Statement p(db_, "UPDATE populations SET version = ? WHERE name = ? AND version = ?");
  (p << version.number << population_ << r.base_version).run();
  DUNLIN_CHECK(db_.changes() == 1);
  Statement a(db_, "DELETE FROM accumulators WHERE population = ? AND round = ? AND attempt = ?");
  (a << population_ << r.number << r.attempt).run();
  if (evaluation) write_evaluation(version.number, "", *evaluation, now_ms);
  write_event("version published", r.number, "",
              fmt::format("version {}: {}", version.number, version.model.sha256), now_ms);
  t.commit();
}

void Store::fail_round(const RoundRow& r, const std::string& reason, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "fail_round");
  Statement s(
      db_,
      "UPDATE rounds SET state = 'failed', reason = ?, closed_ms = ?, bytes_up = ?, bytes_down = ? WHERE "
      "population = ? AND number = ? AND attempt = ? AND state IN ('open', 'closing')");
  (s << reason << now_ms << r.bytes_up << r.bytes_down << population_ << r.number << r.attempt).run();
  end_tasks(r, now_ms);
  Statement a(db_, "DELETE FROM accumulators WHERE population = ? AND round = ? AND attempt = ?");
  (a << population_ << r.number << r.attempt).run();
  write_event("round failed", r.number, "", reason, now_ms);
  t.commit();
}

void Store::save_devices(const std::vector<DeviceRow>& devices) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "save_devices");
  for (const DeviceRow& d : devices) write_device(d);
  t.commit();
}

void Store::save_evaluation(uint64_t version, const std::string& device, const Evaluated& e, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Transaction t(db_, "save_evaluation");
  write_evaluation(version, device, e, now_ms);
  Statement s(db_, "UPDATE devices SET last_seen_ms = max(last_seen_ms, ?) WHERE id = ?");
  (s << now_ms << device).run();
  t.commit();
}

void Store::write_event(const std::string& kind, std::optional<uint64_t> round, const std::string& device,
                        const std::string& detail, int64_t now_ms) {
  Statement s(db_, "INSERT INTO events(at_ms, kind, round, device, detail) VALUES(?, ?, ?, ?, ?)");
  (s << now_ms << kind << round << device << detail).run();
}

void Store::write_artefact(const ArtefactRow& row, int64_t now_ms) {
  Statement s(db_, "INSERT OR IGNORE INTO artefacts(sha256, size, kind, created_ms) VALUES(?, ?, ?, ?)");
  (s << row.sha256 << row.size << row.kind << now_ms).run();
}

void Store::write_version(const VersionRow& v) {
  write_artefact(v.model, v.created_ms);
  std::optional<std::string> broadcast, server_state;
  if (v.broadcast) write_artefact(*v.broadcast, v.created_ms), broadcast = v.broadcast->sha256;
  if (v.server_state) write_artefact(*v.server_state, v.created_ms), server_state = v.server_state->sha256;
  Statement s(
      db_,
      "INSERT INTO versions(population, number, model, broadcast, server_state, round, updates, weight, "
      "created_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  (s << population_ << v.number << v.model.sha256 << broadcast << server_state << v.round << v.updates
     << v.weight << v.created_ms)
      .run();
}

void Store::write_device(const DeviceRow& d) {
  Statement s(
      db_,
      "INSERT INTO devices(id, population, software, train_examples, evaluation_examples, first_seen_ms, "
      "last_seen_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT(id) DO UPDATE SET software = ?3, "
      "train_examples = ?4, evaluation_examples = ?5, last_seen_ms = ?6");
  (s << d.id << population_ << d.software << d.train_examples << d.evaluation_examples << d.seen_ms).run();
}

void Store::write_evaluation(uint64_t version, const std::string& device, const Evaluated& e,
                             int64_t now_ms) {
  Statement s(
      db_,
      "INSERT OR REPLACE INTO evaluations(population, version, device, examples, loss, accuracy, at_ms) "
      "VALUES(?, ?, ?, ?, ?, ?, ?)");
  (s << population_ << version << device << e.examples << e.loss << e.accuracy << now_ms).run();
}

}  // namespace dunlin::fleet
