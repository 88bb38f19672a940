#include "fleet/identity/enrolment_service.h"

#include "base/error.h"
#include "base/log.h"
#include "fleet/transport/server.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {

void require_accepted(TokenVerdict verdict) {
  constexpr auto kDenied = ErrorCode::kPermissionDenied;
  constexpr std::string_view kRemedy = "ask the administrator for a new one (dunlin fleet token)";
  switch (verdict) {
    case TokenVerdict::kAccepted:
      return;
    case TokenVerdict::kUnknown:
      fail(kDenied, "enrolment token: this coordinator never gave it out, or it was withdrawn; {}", kRemedy);
    case TokenVerdict::kExpired:
      fail(kDenied, "enrolment token: it has expired; {}", kRemedy);
    case TokenVerdict::kUsedUp:
      fail(kDenied, "enrolment token: it has been used as often as it may be; {}", kRemedy);
  }
}

}  // namespace

EnrolmentService::EnrolmentService(const Authority& authority, TokenStore& tokens,
                                   int64_t device_certificate_days, AdmitDevice admit, Clock& clock)
    : authority_(authority),
      tokens_(tokens),
      device_certificate_days_(device_certificate_days),
      admit_(std::move(admit)),
      clock_(clock) {}

grpc::Status EnrolmentService::Hello(grpc::ServerContext*, const wire::v1::HelloRequest*,
                                     wire::v1::HelloReply* reply) {
  // Answers any version: the device compares, so that its check can name both.
  reply->set_protocol(kWireVersion);
  reply->set_fleet_id(authority_.fleet_id());
  reply->set_server_time_ms(clock_.now_ms());
  return grpc::Status::OK;
}

grpc::Status EnrolmentService::Enroll(grpc::ServerContext* context, const wire::v1::EnrollRequest* request,
                                      wire::v1::EnrollReply* reply) {
  return answer([&] {
    check_wire_version(request->protocol());
    const KeyPtr key = public_key_of_request(as_bytes(request->csr_der()));
    const Bytes key_der = public_key_der(key.get());
    const std::string device_id = device_id_of_key(key_der);
    {
      const std::lock_guard lock(tokens_mutex_);
      require_accepted(
          tokens_.try_use(sha256(as_bytes(request->secret())), sha256(key_der), clock_.now_ms()));
    }
    admit_(device_id);
    const Certificate certificate = authority_.issue_device(key.get(), device_certificate_days_, clock_);
    reply->set_device_id(device_id);
    reply->set_fleet_id(authority_.fleet_id());
    reply->set_certificate_pem(certificate.pem());
    spdlog::info("device {} enrolled from {}", device_id, context->peer());
  });
}

RenewalService::RenewalService(const Authority& authority, int64_t device_certificate_days, AdmitDevice admit,
                               Clock& clock)
    : authority_(authority),
      device_certificate_days_(device_certificate_days),
      admit_(std::move(admit)),
      clock_(clock) {}

grpc::Status RenewalService::Renew(grpc::ServerContext* context, const wire::v1::RenewRequest* request,
                                   wire::v1::RenewReply* reply) {
  return answer([&] {
    check_wire_version(request->protocol());
    const std::string device_id = peer_device_id(*context, authority_.fleet_id(), clock_.now_ms());
    admit_(device_id);  // before anything else is judged: `dunlin device --check` asks with an empty request
    const KeyPtr key = public_key_of_request(as_bytes(request->csr_der()));
    if (device_id_of_key(public_key_der(key.get())) != device_id)
      fail(ErrorCode::kPermissionDenied, "renewal: the key is not that of device {}", device_id);
    reply->set_certificate_pem(authority_.issue_device(key.get(), device_certificate_days_, clock_).pem());
  });
}

}  // namespace dunlin::fleet
