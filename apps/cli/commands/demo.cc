// dunlin demo: a whole fleet on this machine. A coordinator and N devices, each a process with its own
// folder, identity and TLS connection, learn one model; then the same model is trained by one device alone
// and on all data.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "arguments.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "command.h"
#include "fleet/setup.h"
#include "fleet/store/read_model.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "learn/data/open.h"
#include "learn/partition.h"
#include "learn/trainer.h"
#include "learning_curves.h"
#include "outputs.h"
#include "process.h"
#include "progress.h"
#include "signals.h"
#include "work_folder.h"

namespace dunlin::cli {

namespace {

constexpr uint64_t kLeastRoom = uint64_t{8} << 20;  // bytes
constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist";

struct Options {
  std::string data = kFashionMnist, model = "cnn", out = "dunlin-demo";
  int64_t devices = 8, rounds = 10, batch = 32;
  double alpha = 0.3, learning_rate = 0.05;
  uint64_t seed = 1;
  bool fleet_only = false;
};

[[noreturn]] void interrupted() { fail(ErrorCode::kCancelled, "interrupted; everything was cleaned up"); }

Model first_model(const Options& o, const Dataset& data) {
  Model model;
  if (o.model.ends_with(".onnx")) {
    model = load_onnx(o.model);
  } else {
    const Tensor sample = data.example(0).input.view();  // [H,W,C]
    ArchitectureOptions a{.classes = static_cast<int64_t>(data.class_names().size()), .seed = o.seed};
    if (sample.shape().rank() == 3)
      a.height = sample.shape()[0], a.width = sample.shape()[1], a.channels = sample.shape()[2];
    model = find_architecture(o.model).build(a);
  }
  write_task(task_of(model, data, o.model), model.metadata);
  return model;
}

struct FleetResult {
  std::vector<double> accuracy;
  uint64_t bytes_up = 0, bytes_down = 0, peak_rss = 0;
  double seconds = 0;
  Bytes model;
};

/// Starts the processes and follows the rounds to the end.
FleetResult run_fleet(const Options& o, const Model& model, const WorkFolder& work, std::stop_token stop,
                      ProgressBar& bar) {
  FileSystem& files = system_files();
  const std::string dir = work.file("fleet"), log_dir = work.file("logs");
  files.make_directories(log_dir);
  fleet::FleetConfig config = fleet::init_fleet(dir, "127.0.0.1", "127.0.0.1:0", files, system_clock());
  config.population.name = "demo";
  config.round = {.rounds = o.rounds,
                  .cohort_size = o.devices,
                  .over_selection = 1,
                  .quorum = o.devices,
                  .deadline_s = 3600,
                  .pace_s = 1};
  config.training.batch = o.batch;
  config.training.learning_rate = o.learning_rate;
  config.training.seed = static_cast<int64_t>(o.seed);
  config.evaluation.data = std::filesystem::absolute(o.data).string();
  files.write_atomic(fleet::config_path(dir), as_bytes(fleet::to_toml(config)));
  save_onnx(model, join_path(dir, config.population.model));

  const double start = monotonic_seconds();
  ChildProcess coordinator({"coordinator", "--dir", dir, "--json", "--threads", "1"},
                           join_path(log_dir, "coordinator"));
  const auto failed = [&](const char* who, const std::string& log) {
    const Bytes text = files.read(log);
    const std::string_view all = as_chars(text);
    fail(ErrorCode::kInternal, "{} ended early; its last words:\n{}", who,
         all.substr(all.size() - std::min<size_t>(all.size(), 800)));
  };
  if (!coordinator.read_line()) failed("the coordinator", join_path(log_dir, "coordinator"));
  const std::string token = work.file("token");
  files.write_atomic(
      token,
      as_bytes(fleet::make_token(dir, o.devices, 3'600'000, files, system_clock(), system_random()).text),
      0600);
  std::vector<ChildProcess> devices;
  for (int64_t i = 1; i <= o.devices; ++i)
    devices.emplace_back(
        std::vector<std::string>{"device", "--dir", work.file("device-" + std::to_string(i)), "--token",
                                 "@" + token, "--data", config.evaluation.data, "--part",
                                 fmt::format("dirichlet:{}:{}", o.alpha, o.seed), "--share",
                                 fmt::format("{}/{}", i, o.devices), "--threads", "1", "--quiet", "--json"},
        join_path(log_dir, "device-" + std::to_string(i)));

  FleetResult out;
  fleet::FleetView view(dir);
  std::string model_sha256;
  for (bool done = false; !done;) {
    if (stop.stop_requested()) interrupted();
    if (coordinator.exit_code()) failed("the coordinator", join_path(log_dir, "coordinator"));
    for (size_t i = 0; i < devices.size(); ++i)
      if (const auto code = devices[i].exit_code(); code && *code != 0)
        failed(fmt::format("device {}", i + 1).c_str(),
               join_path(log_dir, "device-" + std::to_string(i + 1)));
    // The devices would wait for room for ever, as they should; somebody who looks on should not.
    if (std::filesystem::space(work.path()).available < kLeastRoom)
      fail(ErrorCode::kIo, "{}: the disk is full; name a folder with more room in TMPDIR", work.path());
    const fleet::StatusView s = view.status(system_clock().now_ms());
    done = s.version >= static_cast<uint64_t>(o.rounds);
    const double seconds = monotonic_seconds() - start,
                 fraction = static_cast<double>(s.version) / static_cast<double>(o.rounds);
    bar.update(
        fraction,
        fmt::format("fleet: round {}/{}, {} of {} updates{}", std::min<uint64_t>(s.version + 1, o.rounds),
                    o.rounds, s.live ? s.live->accepted : 0, o.devices,
                    s.held_out ? fmt::format(", accuracy {:.2f} %", s.held_out->accuracy * 100) : ""),
        s.version == 0 ? -1 : seconds / fraction - seconds);
    model_sha256 = s.model_sha256;
    if (!done) system_clock().sleep_ms(50);
  }
  out.seconds = monotonic_seconds() - start;
  auto rounds = view.rounds();
  std::reverse(rounds.begin(), rounds.end());
  for (const fleet::RoundView& r : rounds) {
    out.bytes_up += r.bytes_up;
    out.bytes_down += r.bytes_down;
    if (r.version) out.accuracy.push_back(r.held_out ? r.held_out->accuracy : 0);
  }
  out.peak_rss = peak_rss_bytes(coordinator.pid());
  for (const ChildProcess& d : devices) out.peak_rss += peak_rss_bytes(d.pid());
  out.model = files.read(join_path(join_path(dir, "artefacts"), model_sha256));
  for (ChildProcess& d : devices) d.terminate();
  for (ChildProcess& d : devices) d.join(5000);
  coordinator.terminate();
  coordinator.join(5000);
  return out;
}

/// The same model trained in this process, with a cosine schedule as one would without a fleet; accuracy on
/// the test part after every epoch.
std::vector<double> train_here(const Options& o, const char* what, const Model& model, const DatasetPtr& data,
                               const DatasetPtr& test, const Common& common, std::stop_token stop,
                               ProgressBar& bar) {
  std::vector<double> accuracy;
  Model copy = model;
  Trainer trainer(std::move(copy), *read_task(model.metadata, o.model),
                  {.epochs = o.rounds,
                   .batch = o.batch,
                   .learning_rate = o.learning_rate,
                   .schedule = Schedule::parse("cosine"),
                   .seed = o.seed,
                   .pool = common.pool()});
  const TrainResult result = trainer.train(data, [&](const Progress& p) {
    bar.update(
        static_cast<double>(p.step) / static_cast<double>(p.total_steps),
        fmt::format("{}: epoch {}/{}, {:.0f} samples/s{}", what, p.epoch + 1, p.epochs, p.samples_per_second,
                    accuracy.empty() ? "" : fmt::format(", accuracy {:.2f} %", accuracy.back() * 100)),
        p.seconds_left);
    if (p.epoch_ended) accuracy.push_back(trainer.evaluate(test).accuracy());
    return !stop.stop_requested();
  });
  if (result.stopped) interrupted();
  return accuracy;
}

double last(const std::vector<double>& v) { return v.empty() ? 0 : v.back(); }

Result demo(const Options& o, const Common& common) {
  SignalStop signals;
  check_output_folder(o.out);
  const double start = monotonic_seconds();
  if (o.data == kFashionMnist && !std::filesystem::exists(o.data))
    fail(ErrorCode::kNotFound,
         "{}: Fashion-MNIST is not installed: `apt-get install dataset-fashion-mnist`, or name your own data "
         "with --data",
         o.data);
  const DataParts parts = open_data(o.data);
  if (!parts.test)
    fail(ErrorCode::kInvalidArgument, "{}: the demo needs data with a test part (docs/data.md)", o.data);
  const Model model = first_model(o, *parts.train);
  ProgressBar bar(common.quiet);
  FleetResult fleet;
  {
    const WorkFolder work("dunlin-demo");
    fleet = run_fleet(o, model, work, signals.token(), bar);
  }
  bar.finish(fmt::format("fleet of {}: {:.2f} % after {} rounds, {} up, {} down, {}", o.devices,
                         last(fleet.accuracy) * 100, o.rounds, human_bytes(fleet.bytes_up),
                         human_bytes(fleet.bytes_down), human_seconds(fleet.seconds)));
  std::vector<double> alone, central;
  if (!o.fleet_only) {
    const DatasetPtr own = take_share(parts.train, {.alpha = o.alpha, .seed = o.seed},
                                      {.index = 0, .count = static_cast<size_t>(o.devices)});
    alone = train_here(o, "one device alone", model, own, parts.test, common, signals.token(), bar);
    bar.finish(fmt::format("one device alone ({} samples): {:.2f} %", own->size(), last(alone) * 100));
    central =
        train_here(o, "all data in one place", model, parts.train, parts.test, common, signals.token(), bar);
    bar.finish(fmt::format("all data in one place: {:.2f} %", last(central) * 100));
  }
  FileSystem& files = system_files();
  files.make_directories(o.out);
  const std::string model_path = join_path(o.out, "model.onnx"), picture = join_path(o.out, "accuracy.svg");
  files.write_atomic(model_path, fleet.model);
  std::vector<Curve> curves{{"fleet", fleet.accuracy}};
  if (!o.fleet_only)
    curves.insert(curves.end(), {{"all data in one place", central}, {"one device alone", alone}});
  files.write_atomic(
      picture, as_bytes(curves_svg(curves, fmt::format("{} devices, Dirichlet {}", o.devices, o.alpha))));

  const double seconds = monotonic_seconds() - start;
  Result result;
  result.json = {{"fleet_accuracy", last(fleet.accuracy)},
                 {"alone_accuracy", o.fleet_only ? Json() : Json(last(alone))},
                 {"central_accuracy", o.fleet_only ? Json() : Json(last(central))},
                 {"rounds", fleet.accuracy.size()},
                 {"bytes_up", fleet.bytes_up},
                 {"bytes_down", fleet.bytes_down},
                 {"seconds", seconds},
                 {"fleet_seconds", fleet.seconds},
                 {"fleet_peak_rss_bytes", fleet.peak_rss},
                 {"model", model_path},
                 {"picture", picture},
                 {"accuracy_per_round", fleet.accuracy}};
  result.text = "\n" + curves_text(curves) + "\n";
  for (const Curve& c : curves)
    result.text += fmt::format("{:<24} {:6.2f} %\n", c.name, last(c.accuracy) * 100);
  result.text += fmt::format(
      "\n{} rounds, {} up, {} down, {} in all; no sample left its device\nmodel    {}\npicture  {}\n",
      fleet.accuracy.size(), human_bytes(fleet.bytes_up), human_bytes(fleet.bytes_down),
      human_seconds(seconds), model_path, picture);
  return result;
}

}  // namespace

void add_demo(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      add_command(app, "demo", "A whole fleet on this machine: a coordinator and N device processes",
                  "dunlin demo --devices 8 --rounds 10 --alpha 0.3",
                  [o](const Common& common) { return demo(*o, common); });
  c->add_option("--data", o->data, "Data with a training and a test part (docs/data.md)")
      ->capture_default_str();
  c->add_option("--model", o->model, "An architecture of `dunlin new`, or an ONNX file")
      ->capture_default_str();
  c->add_option("--devices", o->devices, "Device processes")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  c->add_option("--rounds", o->rounds, "Rounds of the fleet, and epochs of the others")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  c->add_option("--alpha", o->alpha, "Dirichlet concentration of the split; small is uneven")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  c->add_option("--batch", o->batch, "Samples per step")->check(CLI::Range(1, 65536))->capture_default_str();
  c->add_option("--lr", o->learning_rate, "Learning rate")->check(CLI::PositiveNumber)->capture_default_str();
  c->add_option("--seed", o->seed, "Of the split, the weights and the sample order")
      ->check(at_least(0))
      ->capture_default_str();
  c->add_option("--out", o->out, "Folder for the model and the picture")->capture_default_str();
  c->add_flag("--fleet-only", o->fleet_only, "Leave out the two comparisons");
}

}  // namespace dunlin::cli
