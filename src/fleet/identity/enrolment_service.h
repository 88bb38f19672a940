// The coordinator's side of enrolment and renewal. See wire/enroll.proto.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include <grpcpp/grpcpp.h>

#include "base/clock.h"
#include "fleet/identity/authority.h"
#include "fleet/identity/token_store.h"
#include "fleet/wire/enroll.grpc.pb.h"

namespace dunlin::fleet {

/// Told of a device before it gets its certificate, on enrolment and on every renewal; throws to refuse it (a
/// device that was revoked). May be called from several threads at once.
using AdmitDevice = std::function<void(const std::string& device_id)>;

/// On the enrolment port. Authority, store and clock must outlive it.
class EnrolmentService final : public wire::v1::Enrolment::Service {
 public:
  EnrolmentService(const Authority& authority, TokenStore& tokens, int64_t device_certificate_days,
                   AdmitDevice admit, Clock& clock);

  grpc::Status Hello(grpc::ServerContext* context, const wire::v1::HelloRequest* request,
                     wire::v1::HelloReply* reply) override;
  grpc::Status Enroll(grpc::ServerContext* context, const wire::v1::EnrollRequest* request,
                      wire::v1::EnrollReply* reply) override;

 private:
  const Authority& authority_;
  TokenStore& tokens_;
  std::mutex tokens_mutex_;
  int64_t device_certificate_days_;
  AdmitDevice admit_;
  Clock& clock_;
};

/// On the fleet port.
class RenewalService final : public wire::v1::Renewal::Service {
 public:
  RenewalService(const Authority& authority, int64_t device_certificate_days, AdmitDevice admit,
                 Clock& clock);

  grpc::Status Renew(grpc::ServerContext* context, const wire::v1::RenewRequest* request,
                     wire::v1::RenewReply* reply) override;

 private:
  const Authority& authority_;
  int64_t device_certificate_days_;
  AdmitDevice admit_;
  Clock& clock_;
};

}  // namespace dunlin::fleet
