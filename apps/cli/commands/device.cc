// dunlin device: a thin main over dunlin::Device.
#include "dunlin/device.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "base/log.h"
#include "command.h"
#include "progress.h"
#include "signals.h"

namespace dunlin::cli {

namespace {

struct Options {
  DeviceOptions device;
  bool check = false;
};

Result check(const DeviceOptions& o) {
  Result result;
  result.json["checks"] = Json::array();
  bool good = true;
  for (const DeviceCheck& c : check_device(o)) {
    result.json["checks"].push_back(
        {{"name", c.name}, {"outcome", c.outcome}, {"detail", c.detail}, {"remedy", c.remedy}});
    result.text += fmt::format("{:<8} {:<16} {}\n", c.outcome, c.name, c.detail);
    if (!c.remedy.empty()) result.text += fmt::format("{:<25} -> {}\n", "", c.remedy);
    good &= c.outcome != "failed";
  }
  result.json["passed"] = good;
  result.exit_code = good ? 0 : 1;
  return result;
}

class Narrator {
 public:
  explicit Narrator(bool quiet) : bar_(quiet) {}
  void operator()(const DeviceEvent& e) {
    using Kind = DeviceEvent::Kind;
    const auto seconds = [&] { return static_cast<double>(e.wait_ms) / 1e3; };
    if (e.kind == Kind::kTraining)
      return bar_.update(e.progress, fmt::format("round {}  loss {:.4f}", e.round, e.loss), -1);
    bar_.finish();
    switch (e.kind) {
      case Kind::kEnrolled:
        return spdlog::info("enrolled as {}", e.text);
      case Kind::kWaiting:
        return spdlog::info("waiting: {}; next look in {:.1f} s", e.text, seconds());
      case Kind::kTaskStarted:
        return spdlog::info("round {}: training", e.round);
      case Kind::kUploaded:
        return spdlog::info("round {}: sent {}", e.round, human_bytes(e.bytes));
      case Kind::kTaskEnded:
        return spdlog::info("round {}: {}", e.round, e.text);
      case Kind::kModelChanged:
        return spdlog::info("now running version {}", e.version);
      case Kind::kCannotLearn:
        return spdlog::error(
            "this device runs version {} but cannot learn: {}; put its data right and start it again",
            e.version, e.text);
      case Kind::kUnreachable:
        return spdlog::warn("{}; trying again in {:.1f} s", e.text, seconds());
      case Kind::kFinished:
        return spdlog::info("the fleet has published its last round");
      case Kind::kTraining:
        return;
    }
  }

 private:
  ProgressBar bar_;
};

Result run_device(Options o, const Common& common) {
  o.device.num_threads = common.num_threads();
  if (o.check) return check(o.device);
  keep_heap_small();
  SignalStop signals;
  Device device(o.device);
  spdlog::info("device {}: {} examples to learn from", device.id(), device.train_examples());
  Narrator narrate(common.quiet);
  const bool finished = device.learn(signals.token(), [&](const DeviceEvent& e) { narrate(e); });
  return {{{"device", device.id()},
           {"version", device.version()},
           {"finished", finished},
           {"model", device.model_path()}},
          fmt::format("{}: version {}{}\n", device.id(), device.version(),
                      finished ? ", the fleet has finished" : "")};
}

}  // namespace

void add_device(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "device", "Be a member of a fleet: learn on own data, run the newest model",
                            "dunlin device --dir state --token TOKEN --data images/",
                            [o](const Common& common) { return run_device(*o, common); });
  c->add_option("--dir", o->device.state_dir, "This device's state: key, certificate, model, work under way")
      ->required();
  c->add_option("--token", o->device.token,
                "From `dunlin fleet token`, or @FILE that holds it: others on the machine can read a command "
                "line; needed at the first start only")
      ->envname("DUNLIN_TOKEN");
  c->add_option("--data", o->device.data, "Its own data, which never leaves it (docs/data.md)");
  c->add_option("--part", o->device.part, "uniform:SEED or dirichlet:ALPHA:SEED, with --share");
  c->add_option("--share", o->device.share, "I/N: only this part of the data");
  c->add_option("--held-out", o->device.held_out, "Fraction of the data that only evaluates")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  c->add_flag("--check", o->check,
              "Test name, proxy, ports, clock, token, data, labels; say what to ask for");
}

}  // namespace dunlin::cli
