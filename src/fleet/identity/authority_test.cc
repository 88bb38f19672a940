#include "fleet/identity/authority.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>

#include "fleet/test_support.h"

namespace dunlin::fleet {
namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;

unsigned mode_of(const std::string& path) {
  struct stat s {};
  EXPECT_EQ(::stat(path.c_str(), &s), 0) << path;
  return s.st_mode & 0777;
}

TEST(Authority, SecretsAreForTheOwnerOnly) {
  TemporaryFolder folder;
  ManualClock clock;
  const Authority authority = Authority::create(folder.file("f"), system_files(), clock);
  load_coordinator_identity(folder.file("f"), authority, {"localhost"}, 90, system_files(), clock);
  EXPECT_EQ(mode_of(folder.file("f")), 0700u);
  EXPECT_EQ(mode_of(folder.file("f/ca")), 0700u);
  EXPECT_EQ(mode_of(folder.file("f/ca/ca.key.pem")), 0600u);
  EXPECT_EQ(mode_of(folder.file("f/coordinator.key.pem")), 0600u);
  EXPECT_EQ(code_of([&] { Authority::create(folder.file("f"), system_files(), clock); }),
            ErrorCode::kFailedPrecondition);
}

// OpenSSL's own command is the judge.
TEST(Authority, OpensslVerifiesWhatItIssued) {
  if (std::system("openssl version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl command";
  TemporaryFolder folder;
  ManualClock clock;
  const Authority authority = Authority::create(folder.path(), system_files(), clock);
  load_coordinator_identity(folder.path(), authority, {"fleet.example.com", "127.0.0.1"}, 90, system_files(),
                            clock);
  const PrivateKey key = PrivateKey::generate();
  const Certificate device = authority.issue_device(key.get(), 7, clock);
  system_files().write_atomic(folder.file("device.pem"), as_bytes(device.pem()));
  const auto verify = [&](const std::string& options) {
    return std::system(("openssl verify -x509_strict -CAfile " + folder.file("ca/ca.cert.pem") + " " +
                        options + " > /dev/null 2>&1")
                           .c_str());
  };
  const std::string coordinator = folder.file("coordinator.cert.pem");
  EXPECT_EQ(verify("-purpose sslserver -verify_hostname fleet.example.com " + coordinator), 0);
  EXPECT_EQ(verify("-purpose sslserver -verify_ip 127.0.0.1 " + coordinator), 0);
  EXPECT_NE(verify("-purpose sslserver -verify_hostname other.example.com " + coordinator), 0);
  EXPECT_NE(verify("-purpose sslclient " + coordinator), 0);
  EXPECT_EQ(verify("-purpose sslclient " + folder.file("device.pem")), 0);
  EXPECT_NE(verify("-purpose sslserver " + folder.file("device.pem")), 0);
  ASSERT_EQ(std::system(("openssl x509 -noout -ext subjectAltName -in " + folder.file("device.pem") + " > " +
                         folder.file("names"))
                            .c_str()),
            0);
  EXPECT_THAT(
      std::string(as_chars(system_files().read(folder.file("names")))),
      ::testing::EndsWith("\n    URI:" + device_uri(authority.fleet_id(), device.common_name()) + "\n"));
}

TEST(Authority, DeviceCertificateNamesFleetAndKey) {
  TemporaryFolder folder;
  ManualClock clock;
  const Authority authority = Authority::create(folder.path(), system_files(), clock);
  const PrivateKey key = PrivateKey::generate();
  const Certificate device =
      authority.issue_device(public_key_of_request(make_signing_request(key)).get(), 7, clock);
  const std::string id = device_id_of_key(key.public_key_der());
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(device.common_name(), id);
  EXPECT_EQ(device.organization(), authority.fleet_id());
  EXPECT_EQ(device.public_key_der(), key.public_key_der());
  EXPECT_NEAR(static_cast<double>(device.not_after_ms()), static_cast<double>(clock.now_ms() + 7 * kDayMs),
              1000);
  EXPECT_EQ(why_not_trusted(device, authority.certificate(), Purpose::kClient, clock.now_ms()), "");
  EXPECT_THAT(why_not_trusted(device, authority.certificate(), Purpose::kClient, clock.now_ms() + 8 * kDayMs),
              ::testing::HasSubstr("expired"));
  EXPECT_NE(why_not_trusted(device, authority.certificate(), Purpose::kServer, clock.now_ms()), "");
  TemporaryFolder other_folder;
  const Authority other = Authority::create(other_folder.path(), system_files(), clock);
  EXPECT_NE(why_not_trusted(device, other.certificate(), Purpose::kClient, clock.now_ms()), "");
}

TEST(Authority, ReloadsAndKnowsTheFleet) {
  TemporaryFolder folder;
  ManualClock clock;
  const Authority made = Authority::create(folder.path(), system_files(), clock);
  const Authority loaded = Authority::load(folder.path(), system_files());
  EXPECT_EQ(made.fleet_id(), loaded.fleet_id());
  EXPECT_EQ(made.certificate().fingerprint(), loaded.certificate().fingerprint());
  EXPECT_TRUE(loaded.certificate().is_authority());
  EXPECT_EQ(code_of([&] { Authority::load(folder.file("nothing"), system_files()); }), ErrorCode::kNotFound);
  system_files().write_atomic(folder.file("ca/ca.key.pem"), as_bytes(PrivateKey::generate().pem()), 0600);
  EXPECT_EQ(code_of([&] { Authority::load(folder.path(), system_files()); }), ErrorCode::kCorrupt);
  system_files().write_atomic(folder.file("ca/ca.key.pem"), as_bytes("nonsense"), 0600);
  EXPECT_EQ(code_of([&] { Authority::load(folder.path(), system_files()); }), ErrorCode::kCorrupt);
}

TEST(Authority, CoordinatorCertificateIsRenewedInTimeAndWhenTheHostChanges) {
  TemporaryFolder folder;
  ManualClock clock;
  const Authority authority = Authority::create(folder.path(), system_files(), clock);
  const auto load = [&](const std::string& host) {
    return load_coordinator_identity(folder.path(), authority, {host}, 90, system_files(), clock)
        .certificate_pem;
  };
  const std::string first = load("a.example.com");
  EXPECT_EQ(load("a.example.com"), first);
  const std::string second = load("b.example.com");
  EXPECT_NE(second, first);
  clock.advance_ms(59 * kDayMs);
  EXPECT_EQ(load("b.example.com"), second);
  clock.advance_ms(2 * kDayMs);
  EXPECT_NE(load("b.example.com"), second);
}

TEST(Authority, HostNamesAreChecked) {
  for (const char* good : {"a", "a.b-c.example", "192.0.2.1", "::1", "xn--bcher-kva.example", "host_1"})
    EXPECT_NO_THROW(check_host_name(good)) << good;
  for (const char* bad : {"", "a b", "a,DNS:evil", "a..b", ".a", "-a", "a/b", "http://a", "a:1", "[::1]"})
    EXPECT_EQ(code_of([&] { check_host_name(bad); }), ErrorCode::kInvalidArgument) << bad;
}

TEST(SigningRequest, BrokenOnesAreRefused) {
  const Bytes good = make_signing_request(PrivateKey::generate());
  EXPECT_NO_THROW(public_key_of_request(good));
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= std::byte{0x01};
    EXPECT_EQ(code_of([&] { public_key_of_request(bad); }), ErrorCode::kInvalidArgument) << i;
    EXPECT_EQ(code_of([&] { public_key_of_request(ByteSpan(good).first(i)); }), ErrorCode::kInvalidArgument)
        << i;
  }
  EXPECT_EQ(code_of([&] { public_key_of_request(Bytes(100'000)); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace dunlin::fleet
