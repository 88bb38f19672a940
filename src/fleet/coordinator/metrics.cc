#include "fleet/coordinator/metrics.h"

#include <prometheus/exposer.h>

#include <exception>

#include "base/error.h"

namespace dunlin::fleet {

namespace {

template <typename Builder>
auto& family(Builder builder, const char* name, const char* help, prometheus::Registry& registry) {
  return builder.Name(name).Help(help).Register(registry);
}

prometheus::Counter& counter(const char* name, const char* help, prometheus::Registry& registry) {
  return family(prometheus::BuildCounter(), name, help, registry).Add({});
}

prometheus::Gauge& gauge(const char* name, const char* help, prometheus::Registry& registry) {
  return family(prometheus::BuildGauge(), name, help, registry).Add({});
}

}  // namespace

CoordinatorMetrics::CoordinatorMetrics() : CoordinatorMetrics(std::make_shared<prometheus::Registry>()) {}

CoordinatorMetrics::CoordinatorMetrics(std::shared_ptr<prometheus::Registry> r)
    : bytes_up(counter("dunlin_bytes_up_total", "Bytes of updates received", *r)),
      bytes_down(counter("dunlin_bytes_down_total", "Bytes of artefacts sent", *r)),
      version(gauge("dunlin_version", "Newest published version", *r)),
      round_number(gauge("dunlin_round", "The round that is open or was last", *r)),
      devices_waiting(gauge("dunlin_devices_waiting", "Devices ready for the next round", *r)),
      devices_training(gauge("dunlin_devices_training", "Devices with an open task", *r)),
      accuracy(gauge("dunlin_accuracy", "Newest version on the coordinator's held-out set, 0 to 1", *r)),
      loss(gauge("dunlin_loss", "Newest version on the coordinator's held-out set", *r)),
      registry_(r),
      check_ins_(family(prometheus::BuildCounter(), "dunlin_check_ins_total", "Check-ins by answer", *r)),
      updates_(family(prometheus::BuildCounter(), "dunlin_updates_total", "Commits by answer", *r)),
      rounds_(family(prometheus::BuildCounter(), "dunlin_rounds_total", "Rounds by outcome", *r)),
      round_seconds_(
          family(prometheus::BuildHistogram(), "dunlin_round_seconds", "From opening to publication", *r)
              .Add({}, prometheus::Histogram::BucketBoundaries{0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000})) {}

void CoordinatorMetrics::round(const std::string& outcome, double seconds) {
  rounds_.Add({{"outcome", outcome}}).Increment();
  if (outcome == "published") round_seconds_.Observe(seconds);
}

MetricsServer::MetricsServer(uint16_t port, const CoordinatorMetrics& metrics) {
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(fmt::format("127.0.0.1:{}", port), 1);
  } catch (const std::exception& e) {
    fail(ErrorCode::kUnavailable, "metrics: cannot listen on 127.0.0.1:{}: {}", port, e.what());
  }
  exposer_->RegisterCollectable(metrics.registry());
}
MetricsServer::~MetricsServer() = default;
uint16_t MetricsServer::port() const { return static_cast<uint16_t>(exposer_->GetListeningPorts().at(0)); }

}  // namespace dunlin::fleet
