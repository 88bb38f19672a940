#include "fleet/check_connection.h"

#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/dial.h"
#include "fleet/transport/status.h"
#include "fleet/wire/enroll.grpc.pb.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {

// Certificates are backdated by an hour; half of that is far from doing harm.
constexpr int64_t kMaxSkewMs = 30 * 60 * 1000;

class Checker {
 public:
  Checker(const CheckTarget& target, const ProxySettings& settings, Clock& clock, int64_t timeout_ms)
      : target_(target), settings_(settings), clock_(clock), timeout_ms_(timeout_ms) {}

  std::vector<CheckResult> run() {
    const bool proxy =
        check("proxy", true, "correct the variable https_proxy (see the administrator of the network)",
              [&] { return find_proxy(); });
    const bool name = check("name", proxy, name_remedy(), [&] { return resolve(); });
    const bool enrolment = check("enrolment_port", name, port_remedy(target_.enrolment),
                                 [&] { return reach(target_.enrolment); });
    const bool fleet =
        check("fleet_port", name, port_remedy(target_.fleet), [&] { return reach(target_.fleet); });
    const bool presented =
        check("fleet", enrolment,
              "ask the fleet's administrator for a new token; if a proxy opens TLS connections, ask "
              "the network's administrator to exempt this host",
              [&] { return find_authority(); });
    const bool hello =
        check("clock", presented, "set this device's clock (a time server such as NTP keeps it right)",
              [&] { return compare_clocks(); });
    check("wire_version", hello || answered_, "upgrade whichever is older",
          [&] { return compare_versions(); });
    check("certificate", presented && fleet,
          "enrol this device anew: ask the fleet's administrator for a token",
          [&] { return use_certificate(); });
    return std::move(results_);
  }

 private:
  template <typename Body>
  bool check(const char* name, bool possible, const std::string& remedy, Body&& body) {
    CheckResult result;
    result.name = name;
    if (!possible) {
      result.outcome = CheckOutcome::kSkipped;
      result.detail = "needs a check above that failed";
    } else {
      try {
        result.detail = body();
      } catch (const Error& error) {
        result.outcome = CheckOutcome::kFailed;
        result.detail = error.what();
        result.remedy = remedy;
      }
    }
    results_.push_back(result);
    return result.outcome == CheckOutcome::kPassed;
  }

  std::string name_remedy() const {
    return fmt::format(
        "ask the administrator of the network why {} is unknown; the fleet's administrator knows the "
        "right name",
        target_.fleet.host);
  }
  std::string port_remedy(const HostPort& to) const {
    return fmt::format(
        "ask the administrator of the network to open TCP port {} to host {} (outgoing, TLS 1.3), or "
        "the fleet's administrator whether the coordinator runs",
        to.port, to.host);
  }

  std::string find_proxy() {
    proxy_ = proxy_for(target_.fleet.host, settings_);
    return proxy_ ? "through " + to_text(proxy_->address) : "none: directly";
  }

  std::string resolve() {
    const std::string& host = proxy_ ? proxy_->address.host : target_.fleet.host;
    const std::vector<std::string> addresses = resolve_host(host);
    return fmt::format("{}{} is {}", proxy_ ? "the proxy " : "", host, fmt::join(addresses, ", "));
  }

  std::string reach(const HostPort& to) {
    dial(to, proxy_, timeout_ms_);
    return fmt::format("{} answers", to_text(to));
  }

  std::string find_authority() {
    const auto presented = presented_certificates(dial(target_.enrolment, proxy_, timeout_ms_),
                                                  target_.enrolment.host, timeout_ms_);
    for (const Certificate& certificate : presented)
      if (certificate.is_authority() && certificate.fingerprint() == target_.authority_fingerprint) {
        authority_ = certificate;
        server_ = presented.front();
        return fmt::format("fleet {}", certificate.organization());
      }
    // Tells a foreign fleet from a proxy in between.
    trusted_authority(presented, target_.authority_fingerprint, target_.enrolment.host, clock_.now_ms());
    return {};
  }

  std::string compare_clocks() {
    grpc::ClientContext context;
    set_timeout(context, timeout_ms_);
    wire::v1::HelloRequest request;
    request.set_protocol(kWireVersion);
    const auto channel = open_channel(target_.enrolment, authority_->pem(), nullptr, {.proxy = settings_});
    const grpc::Status status = wire::v1::Enrolment::NewStub(channel)->Hello(&context, request, &hello_);
    const int64_t now_ms = clock_.now_ms();
    if (!status.ok()) {
      // No TLS, no server time; the certificate's own times say as much.
      if (server_ && (now_ms < server_->not_before_ms() || now_ms > server_->not_after_ms()))
        fail(ErrorCode::kFailedPrecondition,
             "this device's clock is outside the time in which the coordinator's certificate is valid");
      check_status(status, "asking the coordinator for the time");
    }
    answered_ = true;
    const int64_t skew_ms = now_ms - hello_.server_time_ms();
    const std::string text =
        fmt::format("{:.1f} s {} the coordinator's", std::abs(static_cast<double>(skew_ms)) / 1000,
                    skew_ms < 0 ? "behind" : "ahead of");
    if (std::abs(skew_ms) > kMaxSkewMs)
      fail(ErrorCode::kFailedPrecondition, "this device's clock is {}", text);
    return text;
  }

  std::string compare_versions() {
    if (hello_.protocol() != kWireVersion)
      fail(ErrorCode::kFailedPrecondition, "the device speaks wire version {}, the coordinator {}",
           kWireVersion, hello_.protocol());
    return fmt::format("{} on both sides", kWireVersion);
  }

  std::string use_certificate() {
    if (!target_.device) return "none yet: this device is not enrolled";
    const Certificate own =
        Certificate::from_pem(target_.device->certificate_pem, "this device's certificate");
    if (const std::string reason = why_not_trusted(own, *authority_, Purpose::kClient, clock_.now_ms());
        !reason.empty())
      fail(ErrorCode::kPermissionDenied, "this device's certificate is refused: {}", reason);
    // An empty renewal is refused after the handshake, and changes nothing.
    grpc::ClientContext context;
    set_timeout(context, timeout_ms_);
    wire::v1::RenewRequest request;
    request.set_protocol(kWireVersion);
    wire::v1::RenewReply reply;
    const auto channel =
        open_channel(target_.fleet, authority_->pem(), &*target_.device, {.proxy = settings_});
    const grpc::Status status = wire::v1::Renewal::NewStub(channel)->Renew(&context, request, &reply);
    if (status.error_code() != grpc::StatusCode::INVALID_ARGUMENT) check_status(status, "the coordinator");
    const int64_t left_h = (own.not_after_ms() - clock_.now_ms()) / 3'600'000;
    return fmt::format("accepted as device {}; valid for {} h more", own.common_name(), left_h);
  }

  const CheckTarget& target_;
  const ProxySettings& settings_;
  Clock& clock_;
  int64_t timeout_ms_;
  std::vector<CheckResult> results_;
  std::optional<Proxy> proxy_;
  std::optional<Certificate> authority_, server_;
  wire::v1::HelloReply hello_;
  bool answered_ = false;
};

}  // namespace

std::string_view to_string(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kPassed:
      return "passed";
    case CheckOutcome::kFailed:
      return "failed";
    case CheckOutcome::kSkipped:
      return "skipped";
  }
  return "skipped";
}

CheckTarget check_target(const Token& token) {
  return {{token.host, token.enrolment_port},
          {token.host, token.fleet_port},
          token.authority_fingerprint,
          std::nullopt};
}

CheckTarget check_target(const DeviceIdentity& identity) {
  return {{identity.coordinator.host, identity.enrolment_port},
          identity.coordinator,
          Certificate::from_pem(identity.tls.authority_pem, "this device's authority").fingerprint(),
          identity.tls};
}

std::vector<CheckResult> check_connection(const CheckTarget& target, const ProxySettings& proxy, Clock& clock,
                                          int64_t timeout_ms) {
  return Checker(target, proxy, clock, timeout_ms).run();
}

}  // namespace dunlin::fleet
