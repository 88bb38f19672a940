// dunlin fleet: makes a fleet and shows what is going on in it.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "command.h"
#include "fleet/setup.h"
#include "fleet/store/read_model.h"
#include "fleet/store/revocations.h"
#include "signals.h"

namespace dunlin::cli {

namespace {

std::string when(int64_t ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(ms / 1000)));
}

std::string percent(const std::optional<fleet::Evaluated>& e) {
  return e && e->examples > 0 ? fmt::format("{:.2f} %", e->accuracy * 100) : std::string("-");
}

std::string status_text(const fleet::StatusView& s) {
  std::string out = fmt::format(
      "population {}, {}: version {}\ndevices    {} known, {} seen within ten minutes\nrounds     {} "
      "published, {} "
      "failed\naccuracy   {} on the coordinator's held-out set, {} on the devices' own\n",
      s.population, s.strategy, s.version, s.devices, s.devices_seen_lately, s.rounds_published,
      s.rounds_failed, percent(s.held_out), percent(s.on_devices));
  if (s.live)
    out += fmt::format("round {}    {}: {} of {} updates, {} devices training, ends {}\n", s.live->round,
                       s.live->state, s.live->accepted, s.live->target, s.live->training,
                       when(s.live->deadline_ms));
  else if (s.last_failure)
    out += fmt::format("round {}    failed, attempt {}: {}\n", s.last_failure->round, s.last_failure->attempt,
                       s.last_failure->reason);
  return out;
}

std::string rounds_text(const std::vector<fleet::RoundView>& rounds) {
  std::string out =
      fmt::format("{:>5} {:>7} {:<10} {:>8} {:>9} {:>10} {:>10} {:>9} {:>9}  {}\n", "round", "attempt",
                  "state", "updates", "examples", "up", "down", "held-out", "devices", "reason");
  for (const fleet::RoundView& r : rounds)
    out +=
        fmt::format("{:>5} {:>7} {:<10} {:>8} {:>9} {:>10} {:>10} {:>9} {:>9}  {}\n", r.round, r.attempt,
                    r.state, fmt::format("{}/{}", r.accepted, r.devices), r.examples, human_bytes(r.bytes_up),
                    human_bytes(r.bytes_down), percent(r.held_out), percent(r.on_devices), r.reason);
  return out;
}

std::string devices_text(const std::vector<fleet::DeviceView>& devices) {
  std::string out =
      fmt::format("{:<33} {:>9} {:>9} {:>8} {:>8} {:>6} {:>5}  {:<19}  {}\n", "device", "examples",
                  "held out", "accepted", "refused", "failed", "late", "last seen", "last task");
  for (const fleet::DeviceView& d : devices)
    out += fmt::format("{:<33} {:>9} {:>9} {:>8} {:>8} {:>6} {:>5}  {:<19}  {}\n", d.id, d.train_examples,
                       d.evaluation_examples, d.accepted, d.refused, d.failed, d.late, when(d.last_seen_ms),
                       d.revoked_ms            ? "revoked"
                       : d.last_reason.empty() ? d.last_task_state
                                               : d.last_reason);
  return out;
}

template <typename Rows>
Json array_of(const Rows& rows) {
  Json out = Json::array();
  for (const auto& row : rows) out.push_back(Json(fleet::to_json(row)));
  return out;
}

void add_init(CLI::App& fleet) {
  struct Options {
    std::string dir, host = "localhost", listen = "127.0.0.1";
  };
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(
      fleet, "init", "Make a fleet: certificate authority, coordinator's key, fleet.toml",
      "dunlin fleet init fleet --host fleet.example.org --listen 0.0.0.0:8443", [o](const Common&) -> Result {
        fleet::init_fleet(o->dir, o->host, o->listen, system_files(), system_clock());
        const std::string config = fleet::config_path(o->dir);
        return {{{"dir", o->dir}, {"config", config}},
                fmt::format("{}: made. Next: copy the first model to {}/model.onnx, look at {}, then\n"
                            "  dunlin coordinator --dir {}\n  dunlin fleet token {}\n",
                            o->dir, o->dir, config, o->dir, o->dir)};
      });
  c->add_option("dir", o->dir, "Folder to make")->required();
  c->add_option("--host", o->host, "Name or address that devices dial; it goes into the certificate")
      ->capture_default_str();
  c->add_option("--listen", o->listen, "ADDRESS or ADDRESS:PORT to listen on; 0.0.0.0 for every interface")
      ->capture_default_str();
}

void add_token(CLI::App& fleet) {
  struct Options {
    std::string dir, expires = "24h";
    int64_t uses = 1;
  };
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(
      fleet, "token", "Make an enrolment token for devices",
      "dunlin fleet token fleet --uses 20 --expires 7d", [o](const Common&) -> Result {
        const fleet::NewToken t = fleet::make_token(o->dir, o->uses, fleet::parse_duration_ms(o->expires),
                                                    system_files(), system_clock(), system_random());
        return {{{"token", t.text}, {"uses", t.uses}, {"expires_ms", t.expires_ms}}, t.text + "\n"};
      });
  c->add_option("dir", o->dir, "The fleet's folder")->required();
  c->add_option("--uses", o->uses, "Devices that may enrol with it")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  c->add_option("--expires", o->expires, "30m, 24h, 7d")->capture_default_str();
}

void add_revoke(CLI::App& fleet) {
  struct Options {
    std::string dir, device;
  };
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(
      fleet, "revoke", "Shut a device out: its next call is refused, its certificate is not renewed",
      "dunlin fleet revoke fleet 3f9c0a52e6b14d7788a1c2d3e4f50617", [o](const Common&) -> Result {
        const bool known =
            fleet::revoke_device(fleet::database_path(o->dir), o->device, system_clock().now_ms());
        return {{{"device", o->device}, {"revoked", true}, {"has_looked_in", known}},
                fmt::format("device {}: revoked{}\n", o->device, known ? "" : "; it has never looked in")};
      });
  c->add_option("dir", o->dir, "The fleet's folder")->required();
  c->add_option("device", o->device, "As `dunlin fleet devices` lists it, or the log when it enrolled")
      ->required();
}

constexpr uint64_t kJsonRows = 1000, kMaxRows = 1'000'000;

/// A read-only view; with --watch on a terminal it repeats itself. `show` gets the number of rows wanted;
/// people get `rows` unless they ask for more, where `rows` is 0 there is nothing to ask.
template <typename Show>
void add_view(CLI::App& fleet, const char* name, const char* description, uint64_t rows, Show show) {
  struct Options {
    std::string dir;
    uint64_t limit = 0;
    bool watch = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(fleet, name, description, fmt::format("dunlin fleet {} fleet --watch", name),
                            [o, show, rows](const Common& common) -> Result {
                              fleet::FleetView view(o->dir);
                              const uint64_t limit = o->limit > 0 ? o->limit : common.json ? kJsonRows : rows;
                              if (!o->watch || common.json || !isatty(STDOUT_FILENO))
                                return show(view, limit);
                              SignalStop signals;
                              while (!signals.token().stop_requested()) {
                                fmt::print("\033[H\033[2J{}", show(view, limit).text);
                                std::fflush(stdout);
                                system_clock().sleep_ms(1000);
                              }
                              return {};
                            });
  c->add_option("dir", o->dir, "The fleet's folder")->required();
  c->add_flag("--watch", o->watch, "Keep showing it, every second, until Ctrl-C");
  if (rows > 0)
    c->add_option("--limit", o->limit, fmt::format("Rows; default {}, with --json {}", rows, kJsonRows))
        ->check(CLI::Range(uint64_t{1}, kMaxRows));
}

}  // namespace

void add_fleet(CLI::App& app) {
  CLI::App* fleet = app.add_subcommand("fleet", "Make a fleet, enrol devices, see what is going on");
  fleet->require_subcommand(1);
  add_init(*fleet);
  add_token(*fleet);
  add_revoke(*fleet);
  add_view(*fleet, "status", "The population at a glance", 0, [](fleet::FleetView& view, uint64_t) -> Result {
    const fleet::StatusView s = view.status(system_clock().now_ms());
    return {Json(fleet::to_json(s)), status_text(s)};
  });
  add_view(*fleet, "rounds", "Rounds, newest first", 20,
           [](fleet::FleetView& view, uint64_t limit) -> Result {
             const auto rounds = view.rounds(limit);
             return {{{"rounds", array_of(rounds)}}, rounds_text(rounds)};
           });
  add_view(*fleet, "devices", "Devices, last seen first", 100,
           [](fleet::FleetView& view, uint64_t limit) -> Result {
             const auto devices = view.devices(limit);
             return {{{"devices", array_of(devices)}}, devices_text(devices)};
           });
}

}  // namespace dunlin::cli
