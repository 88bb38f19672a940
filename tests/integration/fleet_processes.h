// A fleet of real processes for tests: `dunlin coordinator` and `dunlin device` on loopback, every port free,
// everything in a folder that goes away. What a test reads, it reads from the store, as an operator would.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fleet/config.h"
#include "fleet/store/read_model.h"
#include "fleet/test_support.h"
#include "process.h"

namespace dunlin::fleet {

/// What a command that ends by itself said.
struct Ran {
  int exit_code = 0;
  std::string out, err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};
/// Runs the built `dunlin`; `environment` holds "NAME=VALUE".
Ran dunlin(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {});

/// Images of 3 classes, [N,1,size,size] u8, that a small model learns within a few steps: as IDX files with a
/// training and a test part.
void write_images(const std::string& folder, int64_t train, int64_t test, int64_t size = 8);

struct FleetPlan {
  int devices = 3;
  int64_t rounds = 2;
  int64_t epochs = 1;
  std::string model = "cnn";        // of `dunlin new`
  int64_t samples = 240, size = 8;  // of the data: all devices' training samples, edge of an image
  std::string host = "127.0.0.1";   // what devices dial
  std::string part = "dirichlet:0.5:7";
  std::string data = {};  // empty: write_images()
  int64_t quorum = 0;     // 0: all devices
  int64_t deadline_s = 600;
};

class ProcessFleet {
 public:
  explicit ProcessFleet(const FleetPlan& plan);

  const FleetPlan& plan() const { return plan_; }
  const TemporaryFolder& folder() const { return folder_; }
  std::string dir() const { return folder_.file("fleet"); }
  std::string data() const { return plan_.data.empty() ? folder_.file("data") : plan_.data; }
  std::string state_of(int device) const { return folder_.file("device-" + std::to_string(device)); }
  std::string log_of(const std::string& name) const;  // "coordinator", "device-1"

  /// Returns once it is ready; at a restart it takes the ports it had.
  void start_coordinator();
  void kill_coordinator();
  /// SIGTERM; its exit code.
  int stop_coordinator();
  bool coordinator_runs();

  /// From 1. A device that has no identity yet gets a token.
  void start_device(int device, const std::vector<std::string>& environment = {});
  /// With these arguments for its data instead of its share.
  void start_device_with(int device, const std::vector<std::string>& data_arguments,
                         const std::vector<std::string>& environment = {});
  void start_devices(const std::vector<std::string>& environment = {});
  void kill_device(int device);
  int stop_device(int device);
  cli::ChildProcess& device(int device) { return *devices_.at(device); }

  /// Polls until it is true; fails the test, with the last words of every process, after `seconds`, or when a
  /// process ended that nobody killed.
  bool wait_until(const std::string& what, const std::function<bool()>& condition, double seconds = 60);
  /// Until the device's log says `text` once more than `times`.
  bool wait_for_log(int device, const std::string& text, int times = 1, double seconds = 60);
  int count_in_log(int device, const std::string& text) const;
  bool wait_until_finished(double seconds = 120);

  StatusView status() const;
  std::vector<RoundView> rounds() const;
  std::vector<DeviceView> devices() const;
  /// The published model files from the first on, in the order of versions.
  std::vector<Bytes> versions() const;
  std::vector<uint64_t> weights() const;  // examples that went into each version
  /// Every text that a device sent beside its numbers.
  std::vector<std::string> told_to_coordinator() const;

 private:
  std::string last_words() const;

  FleetPlan plan_;
  TemporaryFolder folder_;
  FleetConfig config_;
  std::unique_ptr<cli::ChildProcess> coordinator_;
  std::map<int, std::unique_ptr<cli::ChildProcess>> devices_;
};

/// Every round published at its first attempt, every device's every update in it, once.
void expect_everyone_counted_once(const ProcessFleet& fleet);

/// The versions of an undisturbed run with this plan.
std::vector<Bytes> undisturbed(FleetPlan plan);

}  // namespace dunlin::fleet
