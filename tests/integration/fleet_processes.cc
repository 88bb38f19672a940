#include "fleet_processes.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "fleet/store/sqlite.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "learn/data/idx.h"
#include "learn/data/open.h"
#include "learn/trainer.h"
#include "tensor/formats.h"

namespace dunlin::fleet {

namespace {

constexpr const char* kProgram = DUNLIN_PROGRAM;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// `env NAME=VALUE... dunlin ARGUMENTS...`: the process id is dunlin's after exec.
std::unique_ptr<cli::ChildProcess> launch(const std::vector<std::string>& arguments, const std::string& log,
                                          std::vector<std::string> environment = {}) {
  environment.push_back(kProgram);
  environment.insert(environment.end(), arguments.begin(), arguments.end());
  return std::make_unique<cli::ChildProcess>(environment, log, "/usr/bin/env");
}

int count(const std::string& text, const std::string& word) {
  int n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) ++n;
  return n;
}

}  // namespace

Ran dunlin(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const TemporaryFolder folder;
  const auto child = launch(arguments, folder.file("err"), environment);
  Ran ran;
  while (const auto line = child->read_line()) ran.out += *line + "\n";
  ran.exit_code = child->join(60'000);
  ran.err = text_of(folder.file("err"));
  return ran;
}

void write_images(const std::string& folder, int64_t train, int64_t test, int64_t size) {
  FileSystem& files = system_files();
  files.make_directories(folder);
  Philox rng(3);
  for (const auto& [name, count] : {std::pair{"train", train}, {"t10k", test}}) {
    Tensor images(&formats::kU8, {count, size, size}), labels(&formats::kU8, {count});
    for (int64_t i = 0; i < count; ++i) {
      const int64_t label = i % 3;
      labels.data<uint8_t>()[i] = static_cast<uint8_t>(label);
      // Class 0 is bright above, class 1 below, class 2 on the left; all of it under noise.
      for (int64_t y = 0; y < size; ++y)
        for (int64_t x = 0; x < size; ++x) {
          const bool bright = label == 0 ? y < size / 2 : label == 1 ? y >= size / 2 : x < size / 2;
          images.data<uint8_t>()[(i * size + y) * size + x] =
              static_cast<uint8_t>((bright ? 90 : 20) + rng.below(120));
        }
    }
    write_idx(files, join_path(folder, std::string(name) + "-images-idx3-ubyte"), images);
    write_idx(files, join_path(folder, std::string(name) + "-labels-idx1-ubyte"), labels);
  }
}

ProcessFleet::ProcessFleet(const FleetPlan& plan) : plan_(plan) {
  FileSystem& files = system_files();
  files.make_directories(folder_.file("logs"));
  if (plan.data.empty()) write_images(data(), plan.samples, 60, plan.size);
  const Ran init = dunlin({"fleet", "init", dir(), "--host", plan.host, "--listen", "127.0.0.1:0"});
  EXPECT_EQ(init.exit_code, 0) << init.err;
  const std::string path = config_path(dir()), model = join_path(dir(), "model.onnx"),
                    fresh = folder_.file("fresh.onnx");
  config_ = load_fleet_config(path, files);
  config_.round = {.rounds = plan.rounds,
                   .cohort_size = plan.devices,
                   .over_selection = 1,
                   .quorum = plan.quorum ? plan.quorum : plan.devices,
                   .deadline_s = plan.deadline_s,
                   .pace_s = 1};
  config_.training.local_epochs = plan.epochs;
  config_.training.batch = 16;
  config_.evaluation.data = data();
  files.write_atomic(path, as_bytes(to_toml(config_)));
  const Ran made = dunlin({"new", plan.model, "--classes", "3", "--input",
                           fmt::format("1x{0}x{0}", plan.size), "--seed", "5", "--out", fresh});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  dunlin::Model first = load_onnx(fresh);
  write_task(task_of(first, *open_data(data()).train, fresh), first.metadata);
  save_onnx(first, model);
}

std::string ProcessFleet::log_of(const std::string& name) const {
  return join_path(folder_.file("logs"), name);
}

void ProcessFleet::start_coordinator() {
  coordinator_ = launch({"coordinator", "--dir", dir(), "--json", "--threads", "1"}, log_of("coordinator"));
  const auto ready = coordinator_->read_line();
  ASSERT_TRUE(ready) << last_words();
  const auto json = nlohmann::json::parse(*ready);
  EXPECT_TRUE(json.at("ready").get<bool>());
  EXPECT_GT(json.at("fleet_port").get<int>(), 0);
}

void ProcessFleet::kill_coordinator() {
  coordinator_->kill();
  coordinator_.reset();
}

int ProcessFleet::stop_coordinator() {
  coordinator_->terminate();
  const int code = coordinator_->join(20'000);
  coordinator_.reset();
  return code;
}

bool ProcessFleet::coordinator_runs() { return coordinator_ && !coordinator_->exit_code(); }

void ProcessFleet::start_device(int device, const std::vector<std::string>& environment) {
  start_device_with(
      device,
      {"--data", data(), "--part", plan_.part, "--share", fmt::format("{}/{}", device, plan_.devices)},
      environment);
}

void ProcessFleet::start_device_with(int device, const std::vector<std::string>& data_arguments,
                                     const std::vector<std::string>& environment) {
  std::vector<std::string> arguments{"device", "--dir", state_of(device), "--threads", "1", "--json"};
  arguments.insert(arguments.end(), data_arguments.begin(), data_arguments.end());
  if (!system_files().exists(join_path(state_of(device), "identity.toml"))) {
    const Ran token = dunlin({"fleet", "token", dir(), "--json"});
    ASSERT_EQ(token.exit_code, 0) << token.err;
    arguments.insert(arguments.end(), {"--token", token.json().at("token").get<std::string>()});
  }
  devices_[device] = launch(arguments, log_of("device-" + std::to_string(device)), environment);
}

void ProcessFleet::start_devices(const std::vector<std::string>& environment) {
  for (int d = 1; d <= plan_.devices; ++d) start_device(d, environment);
}

void ProcessFleet::kill_device(int device) {
  devices_.at(device)->kill();
  devices_.erase(device);
}

int ProcessFleet::stop_device(int device) {
  devices_.at(device)->terminate();
  const int code = devices_.at(device)->join(20'000);
  devices_.erase(device);
  return code;
}

std::string ProcessFleet::last_words() const {
  std::string out;
  for (const std::string& name : system_files().list(folder_.file("logs"))) {
    const std::string text = text_of(log_of(name));
    out += fmt::format("--- {}\n{}\n", name, text.substr(text.size() - std::min<size_t>(text.size(), 1500)));
  }
  return out;
}

bool ProcessFleet::wait_until(const std::string& what, const std::function<bool()>& condition,
                              double seconds) {
  const double end = monotonic_seconds() + seconds;
  for (;;) {
    if (condition()) return true;
    bool gone = coordinator_ && coordinator_->exit_code();
    for (const auto& [number, device] : devices_) gone |= device->exit_code().value_or(0) != 0;
    if (gone || monotonic_seconds() > end) {
      ADD_FAILURE() << (gone ? "a process ended while waiting until " : "waited in vain until ") << what
                    << "\n"
                    << last_words();
      return false;
    }
    system_clock().sleep_ms(5);
  }
}

int ProcessFleet::count_in_log(int device, const std::string& text) const {
  return count(text_of(log_of("device-" + std::to_string(device))), text);
}

bool ProcessFleet::wait_for_log(int device, const std::string& text, int times, double seconds) {
  return wait_until(
      fmt::format("device {} says \"{}\"", device, text), [&] { return count_in_log(device, text) >= times; },
      seconds);
}

bool ProcessFleet::wait_until_finished(double seconds) {
  return wait_until(
      "the last round is published", [&] { return status().version >= static_cast<uint64_t>(plan_.rounds); },
      seconds);
}

StatusView ProcessFleet::status() const { return FleetView(dir()).status(system_clock().now_ms()); }
std::vector<RoundView> ProcessFleet::rounds() const { return FleetView(dir()).rounds(); }
std::vector<DeviceView> ProcessFleet::devices() const { return FleetView(dir()).devices(); }

std::vector<Bytes> ProcessFleet::versions() const {
  Database db(database_path(dir()), {.read_only = true});
  Statement rows(db, "SELECT model FROM versions ORDER BY number");
  std::vector<Bytes> out;
  while (rows.step())
    out.push_back(system_files().read(join_path(join_path(dir(), "artefacts"), rows.text(0))));
  return out;
}

std::vector<uint64_t> ProcessFleet::weights() const {
  Database db(database_path(dir()), {.read_only = true});
  Statement rows(db, "SELECT weight FROM versions ORDER BY number");
  std::vector<uint64_t> out;
  while (rows.step()) out.push_back(rows.number(0));
  return out;
}

std::vector<std::string> ProcessFleet::told_to_coordinator() const {
  Database db(database_path(dir()), {.read_only = true});
  std::vector<std::string> out;
  for (const char* query : {"SELECT message FROM tasks", "SELECT reason FROM rounds",
                            "SELECT detail FROM events", "SELECT software FROM devices"}) {
    Statement rows(db, query);
    while (rows.step()) out.push_back(rows.text(0));
  }
  return out;
}

void expect_everyone_counted_once(const ProcessFleet& fleet) {
  const auto rounds = static_cast<uint64_t>(fleet.plan().rounds);
  const auto num_devices = static_cast<uint64_t>(fleet.plan().devices);
  const StatusView status = fleet.status();
  EXPECT_EQ(status.version, rounds);
  EXPECT_EQ(status.rounds_published, rounds);
  EXPECT_EQ(status.rounds_failed, 0u);
  for (const RoundView& r : fleet.rounds()) {
    EXPECT_EQ(r.attempt, 1u) << "round " << r.round;
    EXPECT_EQ(r.devices, num_devices) << "round " << r.round;
    EXPECT_EQ(r.accepted, num_devices) << "round " << r.round;
  }
  const auto devices = fleet.devices();
  EXPECT_EQ(devices.size(), num_devices);
  for (const DeviceView& d : devices) EXPECT_EQ(d.accepted, rounds) << d.id;
}

std::vector<Bytes> undisturbed(FleetPlan plan) {
  plan.host = "127.0.0.1";  // needs no proxy
  ProcessFleet fleet(plan);
  fleet.start_coordinator();
  fleet.start_devices();
  fleet.wait_until_finished();
  expect_everyone_counted_once(fleet);
  return fleet.versions();
}

}  // namespace dunlin::fleet
