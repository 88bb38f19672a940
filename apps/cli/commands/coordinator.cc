// dunlin coordinator: serves a fleet until it is told to stop.
#include <fmt/format.h>

#include <condition_variable>

#include "base/heap.h"
#include "command.h"
#include "fleet/coordinator_server.h"
#include "fleet/model/data_evaluator.h"
#include "fleet/model/onnx_codec.h"
#include "signals.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string dir, config;
  bool until_finished = false;
};

Result serve(const Options& o, const Common& common) {
  keep_heap_small();
  SignalStop signals;
  FileSystem& files = system_files();
  const fleet::FleetConfig config =
      fleet::load_fleet_config(o.config.empty() ? fleet::config_path(o.dir) : o.config, files);
  fleet::OnnxCodec codec;
  std::unique_ptr<fleet::DataEvaluator> evaluator;
  if (!config.evaluation.data.empty())
    evaluator = std::make_unique<fleet::DataEvaluator>(fleet::open_evaluation_data(config.evaluation.data),
                                                       common.pool());
  fleet::CoordinatorServer server(o.dir, config,
                                  {.files = files,
                                   .clock = system_clock(),
                                   .random = system_random(),
                                   .codec = codec,
                                   .evaluator = evaluator.get()});
  const Json ready = {{"ready", true},
                      {"host", config.network.host},
                      {"listen", config.network.listen},
                      {"fleet_port", server.fleet_port()},
                      {"enrolment_port", server.enrolment_port()},
                      {"metrics_port", server.metrics_port()}};
  if (common.json)
    fmt::print("{}\n", ready.dump());
  else
    fmt::print("ready: devices on {}:{}, enrolment on port {}, metrics on http://127.0.0.1:{}/metrics\n",
               config.network.listen, server.fleet_port(), server.enrolment_port(), server.metrics_port());
  std::fflush(stdout);
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  while (!signals.token().stop_requested() && !(o.until_finished && server.coordinator().finished()))
    changed.wait_for(lock, signals.token(), std::chrono::milliseconds(200), [] { return false; });
  const uint64_t version = server.coordinator().version();
  return {{{"version", version}, {"finished", server.coordinator().finished()}},
          fmt::format("stopped at version {}\n", version)};
}

}  // namespace

void add_coordinator(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      add_command(app, "coordinator", "Serve a fleet: enrol devices, run rounds, publish versions",
                  "dunlin coordinator --dir fleet", [o](const Common& common) { return serve(*o, common); });
  c->add_option("--dir", o->dir, "The fleet's folder, made by `dunlin fleet init`")->required();
  c->add_option("--config", o->config, "Settings; default DIR/fleet.toml");
  c->add_flag("--until-finished", o->until_finished, "End after the last planned round");
}

}  // namespace dunlin::cli
