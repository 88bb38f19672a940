#include "fleet/store/read_model.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "fleet/config.h"
#include "fleet/store/schema.h"
#include "fleet/wire/fleet.pb.h"

namespace dunlin::fleet {

namespace {
constexpr int64_t kLatelyMs = 10 * 60 * 1000;

nlohmann::json json_of(const std::optional<Evaluated>& e) {
  if (!e) return nullptr;
  return {{"examples", e->examples}, {"loss", e->loss}, {"accuracy", e->accuracy}};
}

template <typename T>
nlohmann::json json_of(const std::optional<T>& v) {
  return v ? nlohmann::json(*v) : nlohmann::json(nullptr);
}
}  // namespace

FleetView::FleetView(const std::string& dir) : db_(database_path(dir), {.read_only = true}) {
  Statement version(db_, "PRAGMA user_version");
  version.step();
  if (version.integer(0) == 0) fail(ErrorCode::kNotFound, "{}: no coordinator has run here yet", dir);
  check_schema(db_);
  Statement s(db_, "SELECT name, strategy FROM populations LIMIT 1");
  if (!s.step()) fail(ErrorCode::kNotFound, "{}: no coordinator has run here yet", dir);
  population_ = s.text(0);
  strategy_ = s.text(1);
}

std::optional<Evaluated> FleetView::held_out(uint64_t version) {
  Statement s(db_,
              "SELECT examples, loss, accuracy FROM evaluations WHERE population = ? AND version = ? AND "
              "device = ''");
  s << population_ << version;
  if (!s.step()) return std::nullopt;
  return Evaluated{s.number(0), s.real(1), s.real(2)};
}

std::optional<Evaluated> FleetView::on_devices(uint64_t version) {
  Statement s(db_,
              // total(): in floating point, whatever devices claim
              "SELECT count(*), total(examples), total(loss * examples) / total(examples), "
              "total(accuracy * examples) / total(examples) "
              "FROM evaluations WHERE population = ? AND version = ? AND device != ''");
  s << population_ << version;
  if (!s.step() || s.number(0) == 0) return std::nullopt;
  return Evaluated{static_cast<uint64_t>(s.real(1)), s.real(2), s.real(3)};
}

std::vector<RoundView> FleetView::rounds_where(const std::string& condition, uint64_t limit) {
  Statement s(
      db_, ("SELECT r.number, r.attempt, r.state, r.reason, r.target, r.quorum, r.opened_ms, r.deadline_ms, "
            "r.closed_ms, r.bytes_up, r.bytes_down, count(t.id), sum(t.state = 'accepted'), "
            "sum(t.state = 'refused'), sum(t.state = 'failed'), sum(t.state = 'assigned'), "
            "coalesce(sum(CASE WHEN t.state = 'accepted' THEN t.weight END), 0), "
            "(SELECT v.number FROM versions v WHERE v.population = r.population AND v.round = r.number AND "
            "r.state = 'published') FROM rounds r LEFT JOIN tasks t ON t.population = r.population AND "
            "t.round = r.number AND t.attempt = r.attempt WHERE r.population = ? " +
            condition + " GROUP BY r.number, r.attempt ORDER BY r.number DESC, r.attempt DESC LIMIT ?")
               .c_str());
  s << population_ << limit;
  std::vector<RoundView> out;
  while (s.step()) {
    RoundView r;
    r.round = s.number(0);
    r.attempt = static_cast<uint32_t>(s.integer(1));
    r.state = s.text(2);
    r.reason = s.text(3);
    r.target = s.number(4);
    r.quorum = s.number(5);
    r.opened_ms = s.integer(6);
    r.deadline_ms = s.integer(7);
    if (!s.is_null(8)) r.closed_ms = s.integer(8);
    r.bytes_up = s.number(9);
    r.bytes_down = s.number(10);
    r.devices = s.number(11);
    r.accepted = s.number(12);
    r.refused = s.number(13);
    r.failed = s.number(14);
    r.training = s.number(15);
    r.examples = s.number(16);
    if (!s.is_null(17)) r.version = s.number(17);
    out.push_back(std::move(r));
  }
  for (RoundView& r : out) {
    if (!r.version) continue;
    r.held_out = held_out(*r.version);
    r.on_devices = on_devices(*r.version);
  }
  return out;
}

std::vector<RoundView> FleetView::rounds(uint64_t limit) { return rounds_where("", limit); }

std::vector<DeviceView> FleetView::devices(uint64_t limit) {
  Statement s(
      db_,
      "SELECT d.id, d.software, d.train_examples, d.evaluation_examples, d.first_seen_ms, d.last_seen_ms, "
      "coalesce(sum(t.state = 'accepted'), 0), coalesce(sum(t.state = 'refused'), 0), "
      "coalesce(sum(t.state = 'failed'), 0), coalesce(sum(t.state = 'over'), 0), "
      "(SELECT n.state FROM tasks n WHERE n.device = d.id ORDER BY n.round DESC, n.attempt DESC LIMIT 1), "
      "(SELECT n.reason FROM tasks n WHERE n.device = d.id ORDER BY n.round DESC, n.attempt DESC LIMIT 1), "
      "(SELECT r.revoked_ms FROM revocations r WHERE r.device = d.id) FROM devices d LEFT JOIN tasks t ON "
      "t.device = d.id WHERE d.population = ? GROUP BY d.id "
      "ORDER BY d.last_seen_ms DESC, d.id LIMIT ?");
  s << population_ << limit;
  std::vector<DeviceView> out;
  while (s.step()) {
    DeviceView d{s.text(0),    s.text(1),   s.number(2), s.number(3), s.integer(4),
                 s.integer(5), s.number(6), s.number(7), s.number(8), s.number(9),
                 s.text(10),   "",          {}};
    if (const int reason = static_cast<int>(s.integer(11)); reason != 0 && wire::v1::Reason_IsValid(reason))
      d.last_reason = wire::v1::Reason_Name(static_cast<wire::v1::Reason>(reason));
    if (!s.is_null(12)) d.revoked_ms = s.integer(12);
    out.push_back(std::move(d));
  }
  return out;
}

StatusView FleetView::status(int64_t now_ms) {
  StatusView v;
  v.population = population_;
  v.strategy = strategy_;
  Statement s(
      db_,
      "SELECT p.version, v.model, (SELECT count(*) FROM devices), (SELECT count(*) FROM devices WHERE "
      "last_seen_ms >= ?), (SELECT count(*) FROM rounds WHERE state = 'published'), (SELECT count(*) FROM "
      "rounds WHERE state = 'failed') FROM populations p JOIN versions v ON v.population = p.name AND "
      "v.number = p.version WHERE p.name = ?");
  s << now_ms - kLatelyMs << population_;
  if (s.step()) {
    v.version = s.number(0);
    v.model_sha256 = s.text(1);
    v.devices = s.number(2);
    v.devices_seen_lately = s.number(3);
    v.rounds_published = s.number(4);
    v.rounds_failed = s.number(5);
  }
  v.held_out = held_out(v.version);
  v.on_devices = on_devices(v.version);
  const auto live = rounds_where("AND r.state IN ('open', 'closing')", 1);
  if (!live.empty()) v.live = live.front();
  if (const auto last = rounds(1); !last.empty() && last.front().state == "failed")
    v.last_failure = last.front();
  return v;
}

nlohmann::json to_json(const RoundView& r) {
  return {{"round", r.round},
          {"attempt", r.attempt},
          {"state", r.state},
          {"reason", r.reason},
          {"devices", r.devices},
          {"accepted", r.accepted},
          {"refused", r.refused},
          {"failed", r.failed},
          {"training", r.training},
          {"target", r.target},
          {"quorum", r.quorum},
          {"examples", r.examples},
          {"opened_ms", r.opened_ms},
          {"deadline_ms", r.deadline_ms},
          {"closed_ms", json_of(r.closed_ms)},
          {"bytes_up", r.bytes_up},
          {"bytes_down", r.bytes_down},
          {"version", json_of(r.version)},
          {"held_out", json_of(r.held_out)},
          {"on_devices", json_of(r.on_devices)}};
}

nlohmann::json to_json(const DeviceView& d) {
  return {{"id", d.id},
          {"software", d.software},
          {"train_examples", d.train_examples},
          {"evaluation_examples", d.evaluation_examples},
          {"first_seen_ms", d.first_seen_ms},
          {"last_seen_ms", d.last_seen_ms},
          {"accepted", d.accepted},
          {"refused", d.refused},
          {"failed", d.failed},
          {"late", d.late},
          {"last_task_state", d.last_task_state},
          {"last_reason", d.last_reason},
          {"revoked_ms", json_of(d.revoked_ms)}};
}

nlohmann::json to_json(const StatusView& s) {
  return {{"population", s.population},
          {"strategy", s.strategy},
          {"version", s.version},
          {"model_sha256", s.model_sha256},
          {"devices", s.devices},
          {"devices_seen_lately", s.devices_seen_lately},
          {"rounds_published", s.rounds_published},
          {"rounds_failed", s.rounds_failed},
          {"held_out", json_of(s.held_out)},
          {"on_devices", json_of(s.on_devices)},
          {"round", s.live ? to_json(*s.live) : nlohmann::json(nullptr)},
          {"last_failure", s.last_failure ? to_json(*s.last_failure) : nlohmann::json(nullptr)}};
}

}  // namespace dunlin::fleet
