#include <gmock/gmock.h>
#include <sys/stat.h>

#include "fleet/identity/test_fleet.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {
namespace {

using ::testing::HasSubstr;

TEST(Enrolment, GivesAnIdentityThatLoadsAgain) {
  TestFleet fleet;
  const DeviceIdentity made = fleet.enrolled("state");
  EXPECT_EQ(made.fleet_id, fleet.authority.fleet_id());
  EXPECT_EQ(made.coordinator, (HostPort{"127.0.0.1", fleet.fleet_server->port()}));
  const auto loaded = load_device_identity(fleet.folder.file("state"), system_files());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->device_id, made.device_id);
  EXPECT_EQ(loaded->tls.key_pem, made.tls.key_pem);
  EXPECT_EQ(loaded->tls.certificate_pem, made.tls.certificate_pem);
  EXPECT_EQ(loaded->expires_ms, made.expires_ms);
  struct stat s {};
  ASSERT_EQ(::stat(fleet.folder.file("state/device.key.pem").c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600u);
  EXPECT_FALSE(load_device_identity(fleet.folder.file("elsewhere"), system_files()));
}

TEST(Enrolment, LostAnswerCostsNoSecondUse) {
  TestFleet fleet;
  const Token token = fleet.token(1);
  const DeviceIdentity first = enroll(token, fleet.folder.file("state"), {}, system_files(), fleet.clock);
  system_files().remove(fleet.folder.file("state/identity.toml"));  // the answer never arrived
  const DeviceIdentity again = enroll(token, fleet.folder.file("state"), {}, system_files(), fleet.clock);
  EXPECT_EQ(again.device_id, first.device_id);
  EXPECT_EQ(uses_left(database_path(fleet.folder.path()), sha256(token.secret)), 0);
}

TEST(Enrolment, RefusedTokensSayWhyAndWhatToDo) {
  TestFleet fleet;
  int state = 0;
  const auto refusal = [&](const Token& token) {
    std::string message;
    EXPECT_EQ(code_of(
                  [&] {
                    enroll(token, fleet.folder.file(std::to_string(++state)), {}, system_files(),
                           fleet.clock);
                  },
                  &message),
              ErrorCode::kPermissionDenied);
    EXPECT_FALSE(load_device_identity(fleet.folder.file(std::to_string(state)), system_files()));
    return message;
  };
  Token wrong = fleet.token();
  wrong.secret[0] ^= std::byte{1};
  EXPECT_THAT(refusal(wrong), AllOf(HasSubstr("never gave it out"), HasSubstr("dunlin fleet token")));
  const Token used = fleet.token(1);
  enroll(used, fleet.folder.file("first"), {}, system_files(), fleet.clock);
  EXPECT_THAT(refusal(used), HasSubstr("as often as it may be"));
  const Token expired = fleet.token(1, 1000);
  fleet.clock.advance_ms(1001);
  EXPECT_THAT(refusal(expired), HasSubstr("expired"));
}

TEST(Enrolment, SendsNothingToAForeignAuthority) {
  TestFleet fleet, impostor;
  Token token = fleet.token();
  token.enrolment_port = impostor.enrolment_server->port();
  std::string message;
  EXPECT_EQ(
      code_of([&] { enroll(token, fleet.folder.file("state"), {}, system_files(), fleet.clock); }, &message),
      ErrorCode::kPermissionDenied);
  EXPECT_THAT(message, HasSubstr("not the token's fleet"));
  EXPECT_FALSE(system_files().exists(fleet.folder.file("state")));
}

// The impostor shows the right authority's certificate, which is public, beside a certificate of its own.
TEST(Enrolment, BorrowedAuthorityDoesNotHelp) {
  TestFleet fleet, impostor;
  const Certificate server = Certificate::from_pem(
      impostor.authority.issue_server({"127.0.0.1"}, 1, fleet.clock).certificate_pem, "test");
  std::string message;
  const Sha256 fingerprint = fleet.authority.certificate().fingerprint();
  EXPECT_EQ(code_of(
                [&] {
                  trusted_authority({server, fleet.authority.certificate()}, fingerprint, "127.0.0.1",
                                    fleet.clock.now_ms());
                },
                &message),
            ErrorCode::kPermissionDenied);
  EXPECT_THAT(message, HasSubstr("certificate is refused"));
  // A device of the fleet is no server either.
  const Certificate device = fleet.authority.issue_device(PrivateKey::generate().get(), 1, fleet.clock);
  EXPECT_EQ(code_of([&] {
              trusted_authority({device, fleet.authority.certificate()}, fingerprint, "127.0.0.1",
                                fleet.clock.now_ms());
            }),
            ErrorCode::kPermissionDenied);
}

TEST(Enrolment, CertificateMustNameTheHost) {
  TestFleet fleet;
  const Certificate server = Certificate::from_pem(
      fleet.authority.issue_server({"fleet.example.com"}, 1, fleet.clock).certificate_pem, "test");
  const std::vector<Certificate> presented{server, fleet.authority.certificate()};
  const Sha256 fingerprint = fleet.authority.certificate().fingerprint();
  EXPECT_NO_THROW(trusted_authority(presented, fingerprint, "fleet.example.com", fleet.clock.now_ms()));
  EXPECT_EQ(
      code_of([&] { trusted_authority(presented, fingerprint, "other.example.com", fleet.clock.now_ms()); }),
      ErrorCode::kPermissionDenied);
}

TEST(Enrolment, FolderOfAnotherFleetIsLeftAlone) {
  TestFleet fleet, other;
  const DeviceIdentity identity = fleet.enrolled("state");
  EXPECT_EQ(
      code_of([&] { enroll(other.token(), fleet.folder.file("state"), {}, system_files(), fleet.clock); }),
      ErrorCode::kFailedPrecondition);
  const Token second = fleet.token();
  EXPECT_EQ(enroll(second, fleet.folder.file("state"), {}, system_files(), fleet.clock).tls.certificate_pem,
            identity.tls.certificate_pem);
  EXPECT_EQ(uses_left(database_path(fleet.folder.path()), sha256(second.secret)), 1);
}

TEST(Enrolment, MixedUpStateIsCorrupt) {
  TestFleet fleet;
  fleet.enrolled("a");
  fleet.enrolled("b");
  system_files().rename(fleet.folder.file("a/device.key.pem"), fleet.folder.file("b/device.key.pem"));
  EXPECT_EQ(code_of([&] { load_device_identity(fleet.folder.file("b"), system_files()); }),
            ErrorCode::kCorrupt);
  system_files().write_atomic(fleet.folder.file("b/identity.toml"), as_bytes("host = "));
  EXPECT_EQ(code_of([&] { load_device_identity(fleet.folder.file("b"), system_files()); }),
            ErrorCode::kCorrupt);
}

TEST(Enrolment, AbsentCoordinatorIsUnavailable) {
  TestFleet fleet;
  const Token token = fleet.token();
  fleet.enrolment_server->shutdown(0);
  EXPECT_EQ(code_of([&] { enroll(token, fleet.folder.file("state"), {}, system_files(), fleet.clock); }),
            ErrorCode::kUnavailable);
}

TEST(Enrolment, OtherWireVersionIsRefusedNamingBoth) {
  TestFleet fleet;
  const auto channel = open_channel({"127.0.0.1", fleet.enrolment_server->port()},
                                    fleet.authority.certificate().pem(), nullptr, {});
  wire::v1::EnrollRequest request;
  request.set_protocol(kWireVersion + 6);
  wire::v1::EnrollReply reply;
  grpc::ClientContext context;
  set_timeout(context, 10'000);
  const grpc::Status status = wire::v1::Enrolment::NewStub(channel)->Enroll(&context, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("speaks 7"), HasSubstr("speaks 1")));
}

TEST(Renewal, ExtendsTheSameDevice) {
  TestFleet fleet;
  const DeviceIdentity old = fleet.enrolled("state");
  EXPECT_FALSE(old.should_renew(fleet.clock.now_ms()));
  fleet.clock.advance_ms(int64_t{5} * 24 * 3600 * 1000);
  EXPECT_TRUE(old.should_renew(fleet.clock.now_ms()));
  const DeviceIdentity fresh = renew(old, open_channel(old.coordinator, old.tls.authority_pem, &old.tls, {}),
                                     fleet.folder.file("state"), system_files());
  EXPECT_EQ(fresh.device_id, old.device_id);
  EXPECT_GT(fresh.expires_ms, old.expires_ms);
  EXPECT_EQ(load_device_identity(fleet.folder.file("state"), system_files())->expires_ms, fresh.expires_ms);
}

TEST(Renewal, RefusedDeviceOrForeignKeyGetsNothing) {
  TestFleet fleet;
  const DeviceIdentity a = fleet.enrolled("a");
  DeviceIdentity b = fleet.enrolled("b");
  const auto channel = open_channel(a.coordinator, a.tls.authority_pem, &a.tls, {});
  EXPECT_EQ(code_of([&] { renew(b, channel, fleet.folder.file("b"), system_files()); }),
            ErrorCode::kPermissionDenied);
  fleet.admit = [&](const std::string& id) {
    fail(ErrorCode::kPermissionDenied, "device {} was revoked", id);
  };
  std::string message;
  EXPECT_EQ(code_of([&] { renew(a, channel, fleet.folder.file("a"), system_files()); }, &message),
            ErrorCode::kPermissionDenied);
  EXPECT_THAT(message, HasSubstr("was revoked"));
}

}  // namespace
}  // namespace dunlin::fleet
