// A fleet's folder and its settings (fleet.toml).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace dunlin::fleet {

/// fleet.toml. Each section is a struct, each key a member of the same name; paths are relative to the
/// folder.
struct FleetConfig {
  struct Network {
    std::string host;                  // the name or address that devices dial; it is in the certificate
    std::string listen = "127.0.0.1";  // address to bind
    uint16_t port = 8443;              // devices with a certificate; 0: any free port
    uint16_t enrolment_port = 8444;    // devices with a token
    uint16_t metrics_port = 0;         // Prometheus, on loopback; 0: any free port
  } network;
  struct Population {
    std::string name = "default";
    std::string model = "model.onnx";  // the first version
    std::string strategy = "FedAvg";
    std::map<std::string, std::string> strategy_params;
  } population;
  struct Round {
    int64_t rounds = 10;
    int64_t cohort_size = 8;      // updates that a round waits for
    double over_selection = 1.3;  // devices asked, as a multiple of cohort_size
    int64_t quorum = 0;  // updates needed at the deadline; 0: three quarters of the cohort, rounded up
    int64_t deadline_s = 600;
    int64_t pace_s = 10;           // how often an idle device looks in
    int64_t max_weight = 1 << 20;  // examples of one update that count
    int64_t keep_versions = 10;    // whose files stay on the coordinator's disk; 0: all
  } round;
  struct Training {
    int64_t local_epochs = 1;
    int64_t batch = 32;
    double learning_rate = 0.05;
    std::string optimizer = "sgd";  // sgd, adam, adamw
    double momentum = 0.9;
    double weight_decay = 0;
    int64_t seed = 1;
  } training;
  struct Evaluation {
    std::string data;        // the coordinator's own held-out set; empty: devices' held-out data only
    bool on_devices = true;  // devices try every version on data that they hold out themselves
  } evaluation;
  struct Identity {
    int64_t device_certificate_days = 7;
    int64_t coordinator_certificate_days = 90;
  } identity;
  struct Limits {
    int64_t max_message_bytes = 4 << 20;
    int64_t max_artefact_bytes = int64_t{4} << 30;
    int64_t max_connections = 20'000;
    int64_t max_connections_per_address = 1'000;
    int64_t max_streams_per_connection = 16;
  } limits;

  /// `quorum`, or its default for this cohort.
  int64_t quorum_or_default() const;
};

/// kInvalidArgument "FILE:LINE: section.key: expected ..., got ..." also for a key that does not exist.
FleetConfig parse_fleet_config(std::string_view toml, const std::string& file);
FleetConfig load_fleet_config(const std::string& path, FileSystem& files);

/// The commented fleet.toml that init_fleet writes; parses back to `config`.
std::string to_toml(const FleetConfig& config);

std::string config_path(const std::string& dir);    // DIR/fleet.toml
std::string database_path(const std::string& dir);  // DIR/fleet.sqlite

}  // namespace dunlin::fleet
