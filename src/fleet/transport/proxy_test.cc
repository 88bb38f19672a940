#include "fleet/transport/proxy.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "fleet/identity/test_fleet.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/test_proxy.h"

namespace dunlin::fleet {
namespace {

TEST(Proxy, IsReadAsOtherProgramsReadIt) {
  const auto address = [](const std::string& url) {
    return proxy_for("fleet.example.com", {url, ""})->address;
  };
  EXPECT_EQ(address("http://proxy:8080"), (HostPort{"proxy", 8080}));
  EXPECT_EQ(address("http://proxy:8080/"), (HostPort{"proxy", 8080}));
  EXPECT_EQ(address("proxy:8080"), (HostPort{"proxy", 8080}));
  EXPECT_EQ(address("http://proxy"), (HostPort{"proxy", 3128}));
  EXPECT_EQ(address("http://[2001:db8::1]:8080"), (HostPort{"2001:db8::1", 8080}));
  EXPECT_EQ(address("HTTP://me:p%40ss@proxy:1"), (HostPort{"proxy", 1}));
  EXPECT_EQ(proxy_for("fleet.example.com", {"http://me:p@ss@proxy:1", ""})->credentials, "me:p@ss");
  EXPECT_FALSE(proxy_for("fleet.example.com", {}));
  for (const char* bad : {"https://proxy:1", "socks5://proxy:1", "http://", "http://proxy:0",
                          "http://proxy:99999", "http://pro xy:1", "http://secret@:1"}) {
    std::string message;
    EXPECT_EQ(code_of(
                  [&] {
                    proxy_for("fleet.example.com", {bad, ""});
                  },
                  &message),
              ErrorCode::kInvalidArgument)
        << bad;
    EXPECT_EQ(message.find("secret"), std::string::npos);
  }
}

TEST(Proxy, ExceptionsAndLoopbackGoDirectly) {
  const auto direct = [](const std::string& host, const std::string& no_proxy) {
    return !proxy_for(host, {"http://proxy:1", no_proxy});
  };
  EXPECT_TRUE(direct("localhost", ""));
  EXPECT_TRUE(direct("127.0.0.1", ""));
  EXPECT_TRUE(direct("::1", ""));
  EXPECT_FALSE(direct("127.example.com", ""));
  EXPECT_FALSE(direct("fleet.example.com", ""));
  EXPECT_TRUE(direct("fleet.example.com", "*"));
  EXPECT_TRUE(direct("fleet.example.com", "other.org, example.com"));
  EXPECT_TRUE(direct("fleet.example.com", ".example.com"));
  EXPECT_TRUE(direct("fleet.example.com", "*.example.com"));
  EXPECT_TRUE(direct("Fleet.Example.com", "FLEET.example.COM"));
  EXPECT_TRUE(direct("example.com", ".example.com"));
  EXPECT_FALSE(direct("badexample.com", "example.com"));
  EXPECT_FALSE(direct("example.com.evil.org", "example.com"));
  EXPECT_TRUE(direct("192.0.2.7", "192.0.2.7"));
}

TEST(Proxy, EnvironmentInEitherCase) {
  // Other tests of this process read no environment; gRPC's own reading is switched off.
  ::unsetenv("https_proxy");
  ::setenv("HTTPS_PROXY", "http://upper:1", 1);
  EXPECT_EQ(ProxySettings::from_environment().https_proxy, "http://upper:1");
  ::setenv("https_proxy", "http://lower:1", 1);
  ::setenv("no_proxy", "a,b", 1);
  EXPECT_EQ(ProxySettings::from_environment().https_proxy, "http://lower:1");
  EXPECT_EQ(ProxySettings::from_environment().no_proxy, "a,b");
  ::unsetenv("https_proxy");
  ::unsetenv("HTTPS_PROXY");
  ::unsetenv("no_proxy");
}

// The name exists for the proxy only: whoever gets through went through it, with both kinds of connection.
TEST(Proxy, EnrolmentAndCallsGoThroughTheTunnel) {
  TestFleet fleet({}, {}, "fleet.invalid");
  TestProxy proxy;
  const ProxySettings settings{proxy.url("user:open sesame"), ""};
  const DeviceIdentity device = fleet.enrolled("state", settings);
  EXPECT_EQ(proxy.tunnels(), 2);  // looking at the certificates, then enrolling
  EXPECT_THAT(proxy.last_request(), ::testing::HasSubstr("CONNECT fleet.invalid:" +
                                                         std::to_string(fleet.enrolment_server->port())));
  EXPECT_THAT(proxy.last_request(), ::testing::HasSubstr("Basic dXNlcjpvcGVuIHNlc2FtZQ=="));
  const auto channel =
      open_channel(device.coordinator, device.tls.authority_pem, &device.tls, {.proxy = settings});
  EXPECT_NO_THROW(renew(device, channel, fleet.folder.file("state"), system_files()));
  EXPECT_EQ(proxy.tunnels(), 3);
}

TEST(Proxy, ASlowLinkHasTimeToConnect) {
  TestFleet fleet({}, {}, "fleet.invalid");
  TestProxy proxy;
  const ProxySettings through{proxy.url(), ""};
  const DeviceIdentity device = fleet.enrolled("state", through);
  proxy.delay_ms = 1000;
  const auto channel =
      open_channel(device.coordinator, device.tls.authority_pem, &device.tls, {.proxy = through});
  EXPECT_NO_THROW(renew(device, channel, fleet.folder.file("state"), system_files()));
}

TEST(Proxy, RefusalIsReportedWithTheProxysWords) {
  TestFleet fleet({}, {}, "fleet.invalid");
  TestProxy proxy;
  proxy.refuse = true;
  std::string message;
  EXPECT_EQ(code_of([&] { fleet.enrolled("state", {proxy.url(), ""}); }, &message), ErrorCode::kUnavailable);
  EXPECT_THAT(message, ::testing::HasSubstr("403 Forbidden by policy"));
}

}  // namespace
}  // namespace dunlin::fleet
