#include "fleet/check_connection.h"

#include <gmock/gmock.h>

#include "fleet/identity/test_fleet.h"
#include "fleet/transport/test_proxy.h"

namespace dunlin::fleet {
namespace {

using ::testing::HasSubstr;

// "name=outcome ..." in order, and the failed ones by name.
struct Report {
  explicit Report(std::vector<CheckResult> all) : results(std::move(all)) {}
  std::string failed() const {
    std::string out;
    for (const CheckResult& r : results)
      if (r.outcome == CheckOutcome::kFailed) out += (out.empty() ? "" : " ") + r.name;
    return out;
  }
  const CheckResult& operator[](const std::string& name) const {
    for (const CheckResult& r : results)
      if (r.name == name) return r;
    throw std::out_of_range(name);
  }
  std::vector<CheckResult> results;
};

TEST(CheckConnection, AllIsWellBeforeAndAfterEnrolment) {
  TestFleet fleet;
  const Token token = fleet.token();
  const Report before(check_connection(check_target(token), {}, fleet.clock));
  EXPECT_EQ(before.failed(), "");
  EXPECT_THAT(before["certificate"].detail, HasSubstr("not enrolled"));
  EXPECT_THAT(before["fleet"].detail, HasSubstr(fleet.authority.fleet_id()));
  EXPECT_EQ(uses_left(database_path(fleet.folder.path()), sha256(token.secret)), 1);
  const DeviceIdentity device = enroll(token, fleet.folder.file("state"), {}, system_files(), fleet.clock);
  const Report after(check_connection(check_target(device), {}, fleet.clock));
  EXPECT_EQ(after.failed(), "");
  EXPECT_EQ(after.results.size(), 8u);
  EXPECT_THAT(after["certificate"].detail, HasSubstr(device.device_id));
  for (const CheckResult& r : after.results) EXPECT_TRUE(r.remedy.empty()) << r.name;
}

TEST(CheckConnection, UnknownNameAsksForTheName) {
  TestFleet fleet;
  Token token = fleet.token();
  token.host = "no-such-host.invalid";
  const Report report(check_connection(check_target(token), {}, fleet.clock));
  EXPECT_EQ(report.failed(), "name");
  EXPECT_THAT(report["name"].remedy, HasSubstr("no-such-host.invalid"));
  EXPECT_EQ(report["fleet_port"].outcome, CheckOutcome::kSkipped);
}

TEST(CheckConnection, ClosedPortAsksForThatPort) {
  TestFleet fleet;
  const Token token = fleet.token();
  fleet.fleet_server->shutdown(0);
  const Report report(check_connection(check_target(token), {}, fleet.clock));
  EXPECT_EQ(report.failed(), "fleet_port");
  EXPECT_THAT(report["fleet_port"].remedy, HasSubstr("open TCP port " + std::to_string(token.fleet_port)));
  EXPECT_EQ(report["enrolment_port"].outcome, CheckOutcome::kPassed);
}

TEST(CheckConnection, ForeignFleetIsRecognised) {
  TestFleet fleet, other;
  Token token = fleet.token();
  token.enrolment_port = other.enrolment_server->port();
  const Report report(check_connection(check_target(token), {}, fleet.clock));
  EXPECT_EQ(report.failed(), "fleet");
  EXPECT_THAT(report["fleet"].remedy, HasSubstr("new token"));
}

TEST(CheckConnection, WrongClockIsNamed) {
  TestFleet fleet;
  const Token token = fleet.token();
  ManualClock slow;
  slow.advance_ms(-45 * 60 * 1000);
  const Report report(check_connection(check_target(token), {}, slow));
  EXPECT_EQ(report.failed(), "clock");
  EXPECT_THAT(report["clock"].detail, ::testing::ContainsRegex("(2699|2700)[.][0-9] s behind"));
  EXPECT_EQ(report["wire_version"].outcome, CheckOutcome::kPassed);
}

TEST(CheckConnection, ExpiredOrForeignDeviceCertificateAsksForAToken) {
  TestFleet fleet, other;
  DeviceIdentity device = fleet.enrolled("state");
  device.tls = other.enrolled("state").tls;
  CheckTarget target = check_target(device);
  target.authority_fingerprint = fleet.authority.certificate().fingerprint();
  Report report(check_connection(target, {}, fleet.clock));
  EXPECT_EQ(report.failed(), "certificate");
  EXPECT_THAT(report["certificate"].remedy, HasSubstr("token"));
}

TEST(CheckConnection, ProxyIsShownAndItsRefusalToo) {
  TestFleet fleet({}, {}, "fleet.invalid");
  TestProxy proxy;
  const Token token = fleet.token();
  const Report through(check_connection(check_target(token), {proxy.url(), ""}, fleet.clock));
  EXPECT_EQ(through.failed(), "");
  EXPECT_THAT(through["proxy"].detail, HasSubstr("through 127.0.0.1:" + std::to_string(proxy.port())));
  proxy.refuse = true;
  const Report refused(check_connection(check_target(token), {proxy.url(), ""}, fleet.clock));
  EXPECT_EQ(refused.failed(), "enrolment_port fleet_port");
  EXPECT_THAT(refused["fleet_port"].detail, HasSubstr("403"));
  const Report nonsense(check_connection(check_target(token), {"https://proxy", ""}, fleet.clock));
  EXPECT_EQ(nonsense.failed(), "proxy");
}

}  // namespace
}  // namespace dunlin::fleet
