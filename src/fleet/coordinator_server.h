// A coordinator as a process runs it: store, rounds, both ports, metrics. `dunlin coordinator` is a thin main
// over it.
#pragma once

#include <memory>
#include <string>

#include "fleet/config.h"
#include "fleet/coordinator/coordinator.h"

namespace dunlin::fleet {

class CoordinatorServer {
 public:
  struct Parts {
    FileSystem& files;
    Clock& clock;
    SecureRandom& random;
    ModelCodec& codec;
    Evaluator* evaluator = nullptr;
  };
  /// Opens the fleet in DIR (made by init_fleet) and listens. Ports that fleet.toml leaves open stay those of
  /// the last start. kUnavailable when a port is occupied, kNotFound when the first model is missing.
  CoordinatorServer(const std::string& dir, const FleetConfig& config, const Parts& parts);
  /// Lets calls under way end, then stops.
  ~CoordinatorServer();
  CoordinatorServer(const CoordinatorServer&) = delete;
  CoordinatorServer& operator=(const CoordinatorServer&) = delete;

  Coordinator& coordinator();
  uint16_t fleet_port() const;
  uint16_t enrolment_port() const;
  uint16_t metrics_port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dunlin::fleet
