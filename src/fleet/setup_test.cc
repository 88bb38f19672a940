#include "fleet/setup.h"

#include <gmock/gmock.h>

#include "fleet/identity/authority.h"
#include "fleet/identity/token.h"
#include "fleet/identity/token_store.h"
#include "fleet/test_support.h"

namespace dunlin::fleet {
namespace {

TEST(InitFleet, MakesAFolderThatLoads) {
  TemporaryFolder folder;
  ManualClock clock;
  init_fleet(folder.file("f"), "fleet.example.com", "0.0.0.0:9443", system_files(), clock);
  const FleetConfig config = load_fleet_config(config_path(folder.file("f")), system_files());
  EXPECT_EQ(config.network.host, "fleet.example.com");
  EXPECT_EQ(config.network.listen, "0.0.0.0");
  EXPECT_EQ(config.network.port, 9443);
  EXPECT_EQ(config.network.enrolment_port, 9444);
  EXPECT_NO_THROW(Authority::load(folder.file("f"), system_files()));
  std::string message;
  EXPECT_EQ(code_of([&] { init_fleet(folder.file("f"), "b", "127.0.0.1", system_files(), clock); }, &message),
            ErrorCode::kFailedPrecondition);
  EXPECT_THAT(message, ::testing::HasSubstr("already holds a fleet"));
}

TEST(InitFleet, BadArgumentsLeaveNothingBehind) {
  TemporaryFolder folder;
  ManualClock clock;
  for (const auto& [host, listen] : {std::pair{"bad host", "127.0.0.1"},
                                     {"h", "127.0.0.1:99999"},
                                     {"h", "127.0.0.1:x"},
                                     {"h", "not an address"},
                                     {"h", ":1"}})
    EXPECT_EQ(code_of([&] { init_fleet(folder.file("f"), host, listen, system_files(), clock); }),
              ErrorCode::kInvalidArgument)
        << listen;
  EXPECT_FALSE(system_files().exists(folder.file("f")));
}

TEST(InitFleet, UnwritableFolderIsAClearError) {
  TemporaryFolder folder;
  ManualClock clock;
  system_files().write_atomic(folder.file("file"),
                              {});  // a folder cannot be made below a file, whoever we are
  std::string message;
  EXPECT_EQ(
      code_of([&] { init_fleet(folder.file("file/f"), "h", "127.0.0.1", system_files(), clock); }, &message),
      ErrorCode::kIo);
  EXPECT_THAT(message, ::testing::HasSubstr("file"));
}

TEST(InitFleet, LoopbackNamesAreInTheCertificate) {
  FleetConfig::Network network{.host = "scanner-hub", .listen = "127.0.0.1"};
  EXPECT_THAT(certificate_hosts(network),
              ::testing::ElementsAre("scanner-hub", "localhost", "127.0.0.1", "::1"));
  network.listen = "0.0.0.0";
  EXPECT_THAT(certificate_hosts(network), ::testing::ElementsAre("scanner-hub"));
}

TEST(MakeToken, NamesTheFleetAndIsStoredAsAHash) {
  TemporaryFolder folder;
  ManualClock clock;
  init_fleet(folder.path(), "localhost", "127.0.0.1:0", system_files(), clock);
  EXPECT_EQ(code_of([&] { make_token(folder.path(), 1, 1000, system_files(), clock, system_random()); }),
            ErrorCode::kFailedPrecondition);
  save_bound_ports(folder.path(), {4001, 4002}, system_files());
  const NewToken made = make_token(folder.path(), 3, 1000, system_files(), clock, system_random());
  const Token token = parse_token(made.text);
  EXPECT_EQ(token.host, "localhost");
  EXPECT_EQ(token.fleet_port, 4001);
  EXPECT_EQ(token.enrolment_port, 4002);
  EXPECT_EQ(token.authority_fingerprint,
            Authority::load(folder.path(), system_files()).certificate().fingerprint());
  EXPECT_EQ(uses_left(database_path(folder.path()), sha256(token.secret)), 3);
  const Bytes database = system_files().read(database_path(folder.path()));
  EXPECT_EQ(as_chars(database).find(as_chars(token.secret)), std::string_view::npos);
}

TEST(Ports, ConfiguredOnesWinOverSavedOnes) {
  TemporaryFolder folder;
  FleetConfig config;
  config.network.port = 0;
  config.network.enrolment_port = 7;
  EXPECT_EQ(known_ports(folder.path(), config, system_files()).fleet, 0);
  save_bound_ports(folder.path(), {5001, 5002}, system_files());
  EXPECT_EQ(known_ports(folder.path(), config, system_files()).fleet, 5001);
  EXPECT_EQ(known_ports(folder.path(), config, system_files()).enrolment, 7);
  system_files().write_atomic(folder.file("ports"), as_bytes("x"));
  EXPECT_EQ(code_of([&] { known_ports(folder.path(), config, system_files()); }), ErrorCode::kCorrupt);
}

TEST(Duration, ReadsUnitsAndRefusesTheRest) {
  EXPECT_EQ(parse_duration_ms("45s"), 45'000);
  EXPECT_EQ(parse_duration_ms("30m"), 1'800'000);
  EXPECT_EQ(parse_duration_ms("24h"), 86'400'000);
  EXPECT_EQ(parse_duration_ms("7d"), 604'800'000);
  for (const char* bad :
       {"", "h", "24", "24 h", "-1h", "0s", "1w", "1hh", "99999999999999999999s", "9999999999d"})
    EXPECT_EQ(code_of([&] { parse_duration_ms(bad); }), ErrorCode::kInvalidArgument) << bad;
}

}  // namespace
}  // namespace dunlin::fleet
