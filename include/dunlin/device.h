/// A member of a fleet, inside a product: it runs the fleet's newest model on the device's own inputs and, in
/// the background, improves it on the device's own data, which never leaves it.
///
/// Example:
///   dunlin::Device device({.state_dir = "/var/lib/scanner", .token = token, .data = "/var/lib/images"});
///   std::jthread learning([&](std::stop_token stop) { device.learn(stop); });
///   const std::vector<dunlin::Tensor> out = device.run(inputs);  // the newest model's
///
/// Identity  a key is made in state_dir at the first start and enrolled with the token, which is not needed
///           afterwards.
/// Network   the device only dials out: mutual TLS 1.3, through https_proxy where that is set. When the
///           coordinator is away it tries again, ever more rarely; run() goes on meanwhile, and does after a
///           restart without a network.
/// Sent      docs/privacy.md lists it to the byte: differences of weights, counts of examples, loss and
///           accuracy. While updates are plain, the coordinator can read this device's update.
/// Memory    of the data this device's share is held at most, as the bytes it is; the model that run() uses
///           from its first call on.
/// Crashes   state_dir holds all that is needed to go on: a killed device continues its training and its
///           upload, and no update counts twice.
/// Threads   run() may be called while learn() works, one call of each at a time.
/// Errors    kPermissionDenied (token or certificate refused), kFailedPrecondition (no token and not enrolled,
///           no model yet, empty share, another process in state_dir, state of another fleet), kIo (state_dir
///           cannot be written), those of the data's readers. Each says what to do. Data that do not fit the
///           model are no error: see DeviceEvent::Kind::kCannotLearn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "dunlin/tensor.h"

namespace dunlin {

struct DeviceOptions {
  std::string state_dir = {};  ///< made when missing, mode 0700; one device each
  std::string token = {};      ///< needed once; @FILE for one that lies in a file
  std::string data = {};       ///< as docs/data.md says; empty: the device runs models and does not learn
  std::string part = {};       ///< "dirichlet:0.3:7" or "uniform:7": with `share`, only that part of the data
  std::string share = {};      ///< "3/8"
  double held_out = 0.1;       ///< of the data, only for evaluation
  int num_threads = 1;
};

/// One thing that happened, for logs and progress.
struct DeviceEvent {
  enum class Kind : uint8_t {
    kEnrolled,
    kWaiting,       ///< nothing to do until the next look
    kTaskStarted,   ///< `round` and `task` are set
    kTraining,      ///< every optimizer step: `progress`, `loss`
    kUploaded,      ///< `bytes`
    kTaskEnded,     ///< accepted or refused: `text` says which
    kModelChanged,  ///< `version`
    kCannotLearn,   ///< the data does not fit the fleet's model: `text`; it is run, not taught
    kUnreachable,  ///< the coordinator is away, or the disk is full: `text`, and `wait_ms` until the next try
    kFinished,     ///< the fleet has published its last round
  };
  Kind kind;
  std::string text;
  uint64_t round = 0, version = 0, bytes = 0;
  double progress = 0, loss = 0;  ///< progress of the training, 0 to 1
  int64_t wait_ms = 0;
};

class Device {
 public:
  /// Opens the data, enrols when that has not happened yet.
  explicit Device(DeviceOptions options);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const std::string& id() const;  ///< as the coordinator lists it
  uint64_t train_examples() const;

  /// Takes part in rounds until `stop` is requested or the fleet has finished. `on_event` is called on this
  /// thread. Returns whether the fleet has finished.
  bool learn(std::stop_token stop, const std::function<void(const DeviceEvent&)>& on_event = {});

  /// The newest model's outputs. The model changes between two calls, never within one.
  /// Throws kFailedPrecondition before the first model has arrived.
  std::vector<Tensor> run(std::span<const Tensor> inputs);
  /// Of the model that run() uses.
  uint64_t version() const;
  /// Its file; empty before the first one.
  std::string model_path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One step of `dunlin device --check`.
struct DeviceCheck {
  std::string name;
  std::string outcome;  ///< "passed", "failed", "skipped"
  std::string detail;   ///< what was found
  std::string remedy;   ///< what to ask for, and whom; empty when passed
};
/// Name, proxy, ports, clock, token or certificate, data and labels; changes nothing, sends no secret.
std::vector<DeviceCheck> check_device(const DeviceOptions& options);

}  // namespace dunlin
