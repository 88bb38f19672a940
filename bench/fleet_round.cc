// What a round of a fleet costs beside the training: the real coordinator and N devices, each a process with
// its own folder, identity and TLS connection, on a model of 1.6 million parameters. Devices are
// dunlin::Device, as in `dunlin device`, but for the training: this program brings its own
// CheckpointedTrainer, which gives the model back changed a little, and so takes the place of
// local_trainer.cc in the linking.
//
//   fleet_round [--devices 8] [--rounds 20] [--dunlin PROGRAM]
//
// Prints one JSON object. A round is the time from one publication to the next. rss and pss are sums over
// coordinator and devices at one moment, the largest of all moments; peak_rss adds up every process's own peak.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/heap.h"
#include "base/random.h"
#include "dunlin/device.h"
#include "fleet/device/local_trainer.h"
#include "fleet/setup.h"
#include "fleet/store/read_model.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "learn/task.h"

namespace dunlin::fleet {

LocalResult CheckpointedTrainer::train(const NamedTensors& start) {
  LocalResult out;
  for (NamedTensor t : start) {
    for (float& v : t.values) v *= 1.0001f;
    out.tensors.add(std::move(t));
  }
  out.examples = job_.data->size();
  out.metrics = {out.examples, 1, 0};
  return out;
}

}  // namespace dunlin::fleet

namespace {

using namespace dunlin;

constexpr uint64_t kWarmUpRounds = 2;
constexpr int64_t kSampleMs = 100;
constexpr int kSamplesPerPss = 10;  // it costs the processes themselves time
// With inputs of 79 x 79 the perceptron has 1,631,106 parameters.
constexpr int64_t kEdge = 79, kParameters = 1'631'106;

/// A child that dies with us.
pid_t start(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!std::freopen(log.c_str(), "w", stdout) || ::dup2(STDOUT_FILENO, STDERR_FILENO) < 0) ::_exit(127);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return pid;
}

/// "VmHWM:" of /proc/PID/status or "Pss:" of smaps_rollup, in bytes.
uint64_t memory(pid_t pid, const char* file, std::string_view field) {
  std::ifstream in(fmt::format("/proc/{}/{}", pid, file));
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field)) return std::strtoull(line.c_str() + field.size(), nullptr, 10) * 1024;
  return 0;
}

struct Memory {
  uint64_t rss = 0, pss = 0;  // largest sum over all processes at one moment
  int samples = 0;
  std::vector<uint64_t> peaks;  // of each process; the coordinator first
  void sample(const std::vector<pid_t>& processes) {
    uint64_t rss_now = 0, pss_now = 0;
    peaks.resize(processes.size());
    for (size_t i = 0; i < processes.size(); ++i) {
      rss_now += memory(processes[i], "status", "VmRSS:");
      if (samples % kSamplesPerPss == 0) pss_now += memory(processes[i], "smaps_rollup", "Pss:");
      peaks[i] = std::max(peaks[i], memory(processes[i], "status", "VmHWM:"));
    }
    ++samples;
    rss = std::max(rss, rss_now);
    pss = std::max(pss, pss_now);
  }
  uint64_t peak_sum() const {
    uint64_t sum = 0;
    for (const uint64_t p : peaks) sum += p;
    return sum;
  }
};

struct Options {
  int64_t devices = 8, rounds = 20;
  std::string dunlin;
};

void make_fleet(const Options& o, const std::string& dir) {
  FileSystem& files = system_files();
  fleet::FleetConfig config = fleet::init_fleet(dir, "127.0.0.1", "127.0.0.1:0", files, system_clock());
  config.round = {.rounds = o.rounds + static_cast<int64_t>(kWarmUpRounds),
                  .cohort_size = o.devices,
                  .over_selection = 1,
                  .quorum = o.devices,
                  .pace_s = 1};
  files.write_atomic(fleet::config_path(dir), as_bytes(fleet::to_toml(config)));
  Model model = find_architecture("mlp").build({.classes = 2, .height = kEdge, .width = kEdge});
  write_task({.input = Shape({1, kEdge, kEdge})}, model.metadata);
  save_onnx(model, join_path(dir, config.population.model));
}

int measure(const Options& o, const std::string& self, const std::string& work) {
  FileSystem& files = system_files();
  const std::string dir = join_path(work, "fleet"), data = join_path(work, "data.csv");
  make_fleet(o, dir);
  std::string table;  // two samples that fit the model
  for (int i = 0; i < kEdge * kEdge; ++i) table += fmt::format("p{},", i);
  table += "label";
  for (const char* label : {"x", "y"}) {
    table += "\n";
    for (int i = 0; i < kEdge * kEdge; ++i) table += "0,";
    table += label;
  }
  files.write_atomic(data, as_bytes(table));
  std::vector<pid_t> processes{
      start({o.dunlin, "coordinator", "--dir", dir}, join_path(work, "coordinator"))};
  int status = 0;
  const auto ended = [&](pid_t pid) { return ::waitpid(pid, &status, WNOHANG) == pid; };
  const auto give_up = [&](const std::string& log) {
    const Bytes text = files.read(log);
    fail(ErrorCode::kInternal, "a process ended early, with status {:#x}:\n{}", status, as_chars(text));
  };
  std::string token;
  while (token.empty()) {
    system_clock().sleep_ms(20);
    if (ended(processes[0])) give_up(join_path(work, "coordinator"));
    if (files.exists(join_path(dir, "ports")))
      token = fleet::make_token(dir, o.devices, 600'000, files, system_clock(), system_random()).text;
  }
  for (int64_t i = 0; i < o.devices; ++i) {
    const std::string name = join_path(work, fmt::format("device-{}", i));
    processes.push_back(start({self, "--device", name, token, data + "#label=label"}, name + ".log"));
  }
  Memory memory;
  std::vector<fleet::RoundView> rounds;
  fleet::FleetView view(dir);
  const uint64_t last = kWarmUpRounds + static_cast<uint64_t>(o.rounds);
  while (view.status(system_clock().now_ms()).version < last) {
    system_clock().sleep_ms(kSampleMs);
    memory.sample(processes);
    for (size_t i = 0; i < processes.size(); ++i)
      if (ended(processes[i]))
        give_up(join_path(work, i == 0 ? std::string("coordinator") : fmt::format("device-{}.log", i - 1)));
  }
  rounds = view.rounds();  // newest first
  for (const pid_t p : processes) ::kill(p, SIGKILL), ::waitpid(p, nullptr, 0);

  std::vector<double> seconds;
  for (size_t i = 0; i + kWarmUpRounds < rounds.size(); ++i)
    seconds.push_back(static_cast<double>(*rounds[i].closed_ms - *rounds[i + 1].closed_ms) / 1e3);
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const nlohmann::json result = {
      {"devices", o.devices},
      {"parameters", kParameters},
      {"rounds", seconds.size()},
      {"median_round_s", median},
      {"min_round_s", seconds.front()},
      {"max_round_s", seconds.back()},
      {"bytes_up_per_round", rounds[0].bytes_up},
      {"bytes_down_per_round", rounds[0].bytes_down},
      {"rss_bytes", memory.rss},
      {"pss_bytes", memory.pss},
      {"peak_rss_bytes", memory.peak_sum()},
      {"coordinator_peak_rss_bytes", memory.peaks[0]},
      {"device_peak_rss_bytes", *std::max_element(memory.peaks.begin() + 1, memory.peaks.end())}};
  fmt::print("{}\n", result.dump());
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 5 && std::strcmp(argv[1], "--device") == 0) {
    keep_heap_small();  // as `dunlin device` does
    Device device({.state_dir = argv[2], .token = argv[3], .data = argv[4], .held_out = 0});
    return device.learn({}) ? 0 : 1;
  }
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  Options o;
  o.dunlin = (self.parent_path().parent_path() / "apps/cli/dunlin").string();
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--devices") o.devices = std::atoi(argv[i + 1]);
    if (name == "--rounds") o.rounds = std::atoi(argv[i + 1]);
    if (name == "--dunlin") o.dunlin = argv[i + 1];
  }
  std::string work = (std::filesystem::temp_directory_path() / "dunlin-round-XXXXXX").string();
  if (!::mkdtemp(work.data())) fail(ErrorCode::kIo, "{}: cannot be made", work);
  const auto remove = [](const std::string* folder) {
    std::error_code ignored;
    std::filesystem::remove_all(*folder, ignored);
  };
  const std::unique_ptr<const std::string, decltype(remove)> cleanup(&work, remove);
  return measure(o, self.string(), work);
} catch (const std::exception& e) {
  fmt::print(stderr, "fleet_round: {}\n", e.what());
  return 1;
}
