#include "fleet/coordinator_server.h"

#include <thread>

#include "base/error.h"
#include "fleet/coordinator/metrics.h"
#include "fleet/coordinator/service.h"
#include "fleet/identity/authority.h"
#include "fleet/identity/enrolment_service.h"
#include "fleet/identity/token_store.h"
#include "fleet/setup.h"
#include "fleet/store/revocations.h"
#include "fleet/transport/server.h"

namespace dunlin::fleet {

namespace {

constexpr int64_t kGraceMs = 2000;

Bytes first_model(const std::string& dir, const FleetConfig& config, FileSystem& files) {
  const std::string path = join_path(dir, config.population.model);
  if (!files.exists(path)) {
    if (files.exists(join_path(dir, "artefacts")))
      return {};  // a fleet that has begun keeps its versions itself
    fail(ErrorCode::kNotFound,
         "{}: the fleet's first model is missing: copy an ONNX file there, or set population.model in {}",
         path, config_path(dir));
  }
  return files.read(path, static_cast<uint64_t>(config.limits.max_artefact_bytes));
}

}  // namespace

struct CoordinatorServer::State {
  State(const std::string& dir, const FleetConfig& config, const Parts& parts)
      : authority(Authority::load(dir, parts.files)),
        tokens(database_path(dir)),
        limit(static_cast<uint64_t>(config.limits.max_artefact_bytes)),
        uploads(join_path(dir, "uploads"), limit, parts.files),
        inbox(uploads),
        coordinator(dir, settings_from(config),
                    {parts.clock, parts.files, parts.random, parts.codec, inbox, parts.evaluator},
                    first_model(dir, config, parts.files)),
        revocations(database_path(dir)),
        chunks(coordinator, uploads, parts.files),
        admit([this](const std::string& device) { revocations.check(device); }),
        device_of([this, &clock = parts.clock](const grpc::ServerContextBase& c) {
          std::string device = peer_device_id(c, authority.fleet_id(), clock.now_ms());
          admit(device);
          return device;
        }),
        chunk_service(chunks, chunks, device_of, limit),
        fleet_service(coordinator, device_of),
        enrolment(authority, tokens, config.identity.device_certificate_days, admit, parts.clock),
        renewal(authority, config.identity.device_certificate_days, admit, parts.clock) {
    const TlsIdentity identity =
        load_coordinator_identity(dir, authority, certificate_hosts(config.network),
                                  config.identity.coordinator_certificate_days, parts.files, parts.clock);
    const BoundPorts ports = known_ports(dir, config, parts.files);
    enrolment_server = std::make_unique<Server>(identity, ClientCertificates::kNotAsked,
                                                std::vector<grpc::Service*>{&enrolment},
                                                server_options(config, ports.enrolment));
    fleet_server =
        std::make_unique<Server>(identity, ClientCertificates::kRequired,
                                 std::vector<grpc::Service*>{&chunk_service, &fleet_service, &renewal},
                                 server_options(config, ports.fleet));
    save_bound_ports(dir, {fleet_server->port(), enrolment_server->port()}, parts.files);
    metrics = std::make_unique<MetricsServer>(config.network.metrics_port, coordinator.metrics());
    worker = std::thread([this] { coordinator.run(); });
  }
  ~State() {
    coordinator.stop();
    worker.join();
    enrolment_server->shutdown(kGraceMs);
    fleet_server->shutdown(kGraceMs);
  }

  Authority authority;
  TokenStore tokens;
  uint64_t limit;
  FolderSink uploads;
  UploadInbox inbox;
  Coordinator coordinator;
  Revocations revocations;
  CoordinatorChunks chunks;
  AdmitDevice admit;  // throws for a device that was revoked
  ChunkService::DeviceOf device_of;
  ChunkService chunk_service;
  FleetService fleet_service;
  EnrolmentService enrolment;
  RenewalService renewal;
  std::unique_ptr<Server> enrolment_server, fleet_server;
  std::unique_ptr<MetricsServer> metrics;
  std::thread worker;
};

CoordinatorServer::CoordinatorServer(const std::string& dir, const FleetConfig& config, const Parts& parts)
    : state_(std::make_unique<State>(dir, config, parts)) {}
CoordinatorServer::~CoordinatorServer() = default;
Coordinator& CoordinatorServer::coordinator() { return state_->coordinator; }
uint16_t CoordinatorServer::fleet_port() const { return state_->fleet_server->port(); }
uint16_t CoordinatorServer::enrolment_port() const { return state_->enrolment_server->port(); }
uint16_t CoordinatorServer::metrics_port() const { return state_->metrics->port(); }

}  // namespace dunlin::fleet
