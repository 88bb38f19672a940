#include "fleet/identity/device_identity.h"

#include <toml++/toml.h>

#include <algorithm>

#include "base/error.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/dial.h"
#include "fleet/transport/status.h"
#include "fleet/wire/enroll.grpc.pb.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {

constexpr int64_t kTimeoutMs = 20'000;
constexpr uint64_t kMaxFileBytes = 64 * 1024;

std::string key_path(const std::string& dir) { return join_path(dir, "device.key.pem"); }
// Certificate, authority and address in one file: they change together or not at all.
std::string identity_path(const std::string& dir) { return join_path(dir, "identity.toml"); }

std::string read_text(FileSystem& files, const std::string& path) {
  return std::string(as_chars(files.read(path, kMaxFileBytes)));
}

PrivateKey load_or_make_key(const std::string& dir, FileSystem& files) {
  const std::string path = key_path(dir);
  if (files.exists(path)) return PrivateKey::from_pem(read_text(files, path), path);
  PrivateKey key = PrivateKey::generate();
  files.make_directories(dir, 0700);
  files.write_atomic(path, as_bytes(key.pem()), 0600);
  return key;
}

void save(const DeviceIdentity& identity, const std::string& dir, FileSystem& files) {
  const std::string text = fmt::format(
      "# This device's place in its fleet, from enrolment. The key is in device.key.pem.\n"
      "host = '{}'\nport = {}\nenrolment_port = {}\n\ncertificate = '''\n{}'''\n\nauthority = '''\n{}'''\n",
      identity.coordinator.host, identity.coordinator.port, identity.enrolment_port,
      identity.tls.certificate_pem, identity.tls.authority_pem);
  files.write_atomic(identity_path(dir), as_bytes(text));
}

// Takes id, fleet and times from the certificate, and refuses one that is not for this key and this
// authority.
DeviceIdentity describe(const HostPort& coordinator, uint16_t enrolment_port, const PrivateKey& key,
                        const std::string& certificate_pem, const std::string& authority_pem,
                        const std::string& where) {
  const Certificate certificate = Certificate::from_pem(certificate_pem, where);
  const Certificate authority = Certificate::from_pem(authority_pem, where);
  DeviceIdentity identity{.device_id = device_id_of_key(key.public_key_der()),
                          .fleet_id = authority.organization(),
                          .coordinator = coordinator,
                          .enrolment_port = enrolment_port,
                          .tls = {key.pem(), certificate.pem(), authority.pem()},
                          .issued_ms = certificate.not_before_ms(),
                          .expires_ms = certificate.not_after_ms()};
  if (certificate.public_key_der() != key.public_key_der() ||
      certificate.common_name() != identity.device_id ||
      !why_not_trusted(certificate, authority, Purpose::kClient, identity.issued_ms).empty())
    fail(ErrorCode::kCorrupt, "{}: the certificate does not belong to this device's key and fleet", where);
  return identity;
}

}  // namespace

std::optional<DeviceIdentity> load_device_identity(const std::string& state_dir, FileSystem& files) {
  const std::string path = identity_path(state_dir);
  if (!files.exists(path) || !files.exists(key_path(state_dir))) return std::nullopt;
  toml::table table;
  try {
    table = toml::parse(read_text(files, path));
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::kCorrupt, "{}:{}: {}", path, error.source().begin.line, error.description());
  }
  const auto host = table["host"].value<std::string>();
  const auto port = table["port"].value<uint16_t>();
  const auto enrolment_port = table["enrolment_port"].value<uint16_t>();
  const auto certificate = table["certificate"].value<std::string>();
  const auto authority = table["authority"].value<std::string>();
  if (!host || !port || !enrolment_port || !certificate || !authority)
    fail(ErrorCode::kCorrupt, "{}: host, port, enrolment_port, certificate and authority are expected", path);
  const PrivateKey key = PrivateKey::from_pem(read_text(files, key_path(state_dir)), key_path(state_dir));
  return describe({*host, *port}, *enrolment_port, key, *certificate, *authority, path);
}

Certificate trusted_authority(const std::vector<Certificate>& presented, const Sha256& fingerprint,
                              const std::string& host, int64_t now_ms) {
  constexpr auto kDenied = ErrorCode::kPermissionDenied;
  const auto authority = std::find_if(presented.begin(), presented.end(), [&](const Certificate& c) {
    return c.is_authority() && c.fingerprint() == fingerprint;
  });
  if (authority == presented.end())
    fail(kDenied,
         "{}: this is not the token's fleet: it shows none of the authority {}...; somebody may be in "
         "between (a "
         "proxy that opens TLS), or the token is from another fleet: ask the administrator",
         host, to_hex(fingerprint).substr(0, 16));
  const Certificate& server = presented.front();
  if (const std::string reason = why_not_trusted(server, *authority, Purpose::kServer, now_ms);
      !reason.empty())
    fail(kDenied, "{}: its certificate is refused: {} (is this device's clock right?)", host, reason);
  if (!server.names_host(host))
    fail(kDenied, "{}: its certificate does not name this host; ask the administrator for a new token", host);
  return *authority;
}

DeviceIdentity enroll(const Token& token, const std::string& state_dir, const ProxySettings& proxy,
                      FileSystem& files, Clock& clock) {
  if (const auto known = load_device_identity(state_dir, files)) {
    const Certificate authority = Certificate::from_pem(known->tls.authority_pem, identity_path(state_dir));
    if (authority.fingerprint() != token.authority_fingerprint)
      fail(ErrorCode::kFailedPrecondition,
           "{}: belongs to a device of fleet {}; another fleet needs another folder", state_dir,
           known->fleet_id);
    if (clock.now_ms() < known->expires_ms) return *known;
  }
  const HostPort target{token.host, token.enrolment_port};
  const Certificate authority = trusted_authority(
      presented_certificates(dial(target, proxy_for(token.host, proxy), kTimeoutMs), token.host, kTimeoutMs),
      token.authority_fingerprint, token.host, clock.now_ms());

  const PrivateKey key = load_or_make_key(state_dir, files);
  const Bytes request_der = make_signing_request(key);
  wire::v1::EnrollRequest request;
  request.set_protocol(kWireVersion);
  request.set_secret(std::string(as_chars(token.secret)));
  request.set_csr_der(std::string(as_chars(request_der)));
  wire::v1::EnrollReply reply;
  grpc::ClientContext context;
  set_timeout(context, kTimeoutMs);
  const auto channel = open_channel(target, authority.pem(), nullptr, {.proxy = proxy});
  check_status(wire::v1::Enrolment::NewStub(channel)->Enroll(&context, request, &reply),
               "enrolment at " + to_text(target));

  const DeviceIdentity identity = describe({token.host, token.fleet_port}, token.enrolment_port, key,
                                           reply.certificate_pem(), authority.pem(), "enrolment's answer");
  save(identity, state_dir, files);
  return identity;
}

DeviceIdentity renew(const DeviceIdentity& identity, const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& state_dir, FileSystem& files) {
  const PrivateKey key = PrivateKey::from_pem(identity.tls.key_pem, key_path(state_dir));
  const Bytes request_der = make_signing_request(key);
  wire::v1::RenewRequest request;
  request.set_protocol(kWireVersion);
  request.set_csr_der(std::string(as_chars(request_der)));
  wire::v1::RenewReply reply;
  grpc::ClientContext context;
  set_timeout(context, kTimeoutMs);
  check_status(wire::v1::Renewal::NewStub(channel)->Renew(&context, request, &reply), "certificate renewal");
  const DeviceIdentity fresh =
      describe(identity.coordinator, identity.enrolment_port, key, reply.certificate_pem(),
               identity.tls.authority_pem, "renewal's answer");
  save(fresh, state_dir, files);
  return fresh;
}

}  // namespace dunlin::fleet
