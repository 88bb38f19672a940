// The coordinator's figures for Prometheus, served on a loopback port.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <memory>
#include <string>

namespace prometheus {
class Exposer;
}

namespace dunlin::fleet {

/// Thread safe.
class CoordinatorMetrics {
 public:
  CoordinatorMetrics();

  void check_in(const std::string& reason) { check_ins_.Add({{"reason", reason}}).Increment(); }
  void update(const std::string& reason) { updates_.Add({{"reason", reason}}).Increment(); }
  void round(const std::string& outcome, double seconds);

  prometheus::Counter& bytes_up;
  prometheus::Counter& bytes_down;
  prometheus::Gauge& version;
  prometheus::Gauge& round_number;
  prometheus::Gauge& devices_waiting;
  prometheus::Gauge& devices_training;
  prometheus::Gauge& accuracy;  // of the newest version on the coordinator's held-out set
  prometheus::Gauge& loss;

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  explicit CoordinatorMetrics(std::shared_ptr<prometheus::Registry> registry);
  std::shared_ptr<prometheus::Registry> registry_;  // shared: Prometheus' exposer keeps a weak reference
  prometheus::Family<prometheus::Counter>& check_ins_;
  prometheus::Family<prometheus::Counter>& updates_;
  prometheus::Family<prometheus::Counter>& rounds_;
  prometheus::Histogram& round_seconds_;
};

/// Serves /metrics on 127.0.0.1. Throws kUnavailable when the port is taken; port 0 takes any free one.
class MetricsServer {
 public:
  MetricsServer(uint16_t port, const CoordinatorMetrics& metrics);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  uint16_t port() const;

 private:
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace dunlin::fleet
