// A device's side of the fleet: look in, do what is asked, come back when told to.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/random.h"
#include "fleet/device/task_runner.h"
#include "fleet/identity/device_identity.h"

namespace dunlin::fleet {

/// Waits between tries while the coordinator is away, or while tasks fail: doubling from half a second to five
/// minutes, with jitter of half the wait, so that a fleet does not come back all at once.
class BackOff {
 public:
  explicit BackOff(uint64_t seed) : rng_(seed) {}
  int64_t next_ms();
  void reset() { tries_ = 0; }

 private:
  Philox rng_;
  int tries_ = 0;
};

/// Returns sooner when stopped.
void wait_or_stop(int64_t ms, std::stop_token stop);

class Agent {
 public:
  struct Parts {
    FileSystem& files;
    Clock& clock;
    TaskRunner& tasks;
    ModelStore& models;
    ProxySettings proxy;
    std::function<void(int64_t ms, std::stop_token)> wait = wait_or_stop;
  };
  Agent(DeviceIdentity identity, std::string state_dir, const Parts& parts);

  /// Called with (version, file) once a newer model is on the device.
  using OnModel = std::function<void(uint64_t version, const std::string& path)>;
  /// Until `stop`, or until the fleet has finished: then true. What fails is tried again, ever more rarely;
  /// only a refusal of this device ends the run: kPermissionDenied (its certificate), kFailedPrecondition.
  bool run(std::stop_token stop, const TaskRunner::OnEvent& on_event, const OnModel& on_model);

 private:
  void connect();
  void renew_if_due();
  void expect_own_fleet();
  wire::v1::CheckInReply check_in(uint32_t hold_ms, std::stop_token stop);
  void do_task(const wire::v1::Task& task, std::stop_token stop, const TaskRunner::OnEvent& on_event);
  void do_evaluation(const wire::v1::Evaluation& evaluation, std::stop_token stop);
  wire::v1::ReportReply report(wire::v1::ReportRequest& request, std::stop_token stop);
  void take_model(const wire::v1::CheckInReply& newest, std::stop_token stop,
                  const TaskRunner::OnEvent& on_event, const OnModel& on_model);

  DeviceIdentity identity_;
  std::string state_dir_;
  Parts parts_;
  BackOff back_off_, failures_;
  std::string model_sha256_;           // of the version in use; empty: none yet
  std::string unusable_;               // the newest, if it could not be loaded: not tried again
  std::optional<uint64_t> evaluated_;  // the version of the last evaluation that was answered
  bool met_ = false;                   // the coordinator answered in this run
  std::string unfit_;                  // why the data cannot teach that model; empty: it can
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<wire::v1::Fleet::Stub> fleet_;
  std::unique_ptr<ChunkClient> chunks_;
};

}  // namespace dunlin::fleet
