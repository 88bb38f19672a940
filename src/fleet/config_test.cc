#include "fleet/config.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "fleet/coordinator/settings.h"
#include "fleet/strategies/strategy.h"

namespace dunlin::fleet {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& toml) {
  try {
    parse_fleet_config(toml, "fleet.toml");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    return e.what();
  }
  return "accepted";
}

TEST(FleetConfig, PrintedSettingsReadBack) {
  FleetConfig config;
  config.network.host = "fleet.example.com";
  config.network.port = 0;
  config.network.enrolment_port = 0;
  config.population.name = "scanners \"north\"\n";
  config.population.strategy_params = {{"mu", "0.01"}, {"statistics", "local"}};
  config.round.over_selection = 1.25;
  config.training.learning_rate = 1e-3;
  config.training.weight_decay = 0;
  config.limits.max_artefact_bytes = int64_t{1} << 40;
  config.round.max_weight = 500;
  config.round.keep_versions = 0;
  config.evaluation.on_devices = false;
  const FleetConfig back = parse_fleet_config(to_toml(config), "fleet.toml");
  EXPECT_EQ(back.network.host, "fleet.example.com");
  EXPECT_EQ(back.network.port, 0);
  EXPECT_EQ(back.population.name, config.population.name);
  EXPECT_EQ(back.population.strategy_params, config.population.strategy_params);
  EXPECT_EQ(back.round.over_selection, 1.25);
  EXPECT_EQ(back.training.learning_rate, 1e-3);
  EXPECT_EQ(back.limits.max_artefact_bytes, int64_t{1} << 40);
  EXPECT_EQ(to_toml(back), to_toml(config));
  // As a person would write them.
  EXPECT_THAT(to_toml(config), HasSubstr("learning_rate = 0.001\n"));
  EXPECT_THAT(to_toml(config), HasSubstr("weight_decay = 0.0\n"));
  EXPECT_THAT(to_toml(FleetConfig{}), HasSubstr("learning_rate = 0.05\n"));
}

TEST(FleetConfig, EveryKeyOfARoundReachesTheCoordinator) {
  const FleetConfig config = parse_fleet_config(
      "[network]\nhost = \"h\"\n[population]\nstrategy_params = { statistics = \"local\" }\n"
      "[round]\nmax_weight = 500\nkeep_versions = 3\n[evaluation]\non_devices = false\n",
      "fleet.toml");
  const CoordinatorSettings s = settings_from(config);
  EXPECT_EQ(s.max_weight, 500u);
  EXPECT_EQ(s.keep_versions, 3u);
  EXPECT_FALSE(s.device_evaluation);
  const NamedTensor statistic{"mean", {1}, Role::kStatistic, {0}};
  EXPECT_FALSE(make_strategy(s.strategy, s.strategy_params)->state().aggregates(statistic));
  // A number in TOML is a number to the strategy.
  EXPECT_EQ(
      parse_fleet_config("[network]\nhost = \"h\"\n[population]\nstrategy_params = { mu = 0.01, k = 3 }\n",
                         "fleet.toml")
          .population.strategy_params,
      (std::map<std::string, std::string>{{"mu", "0.01"}, {"k", "3"}}));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\n[evaluation]\non_devices = 1\n"),
              HasSubstr("fleet.toml:4: evaluation.on_devices: true or false"));
}

TEST(FleetConfig, EveryRefusalNamesLineAndKey) {
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\nport = \"8443\"\n"),
              HasSubstr("fleet.toml:3: network.port: a whole number is expected"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\nport = 70000\n"),
              HasSubstr("fleet.toml:3: network.port: a number from 0 to 65535 is expected, got 70000"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\n[round]\nchohort = 3\n"),
              HasSubstr("fleet.toml:4: unknown key round.chohort"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\n[rounds]\n"),
              HasSubstr("fleet.toml:3: unknown section or key \"rounds\""));
  EXPECT_THAT(refusal("[network]\nhost = 7\n"), HasSubstr("fleet.toml:2: network.host: a text"));
  EXPECT_THAT(refusal("network = 7\n"), HasSubstr("fleet.toml:1: network.network: a section is expected"));
  EXPECT_THAT(refusal("[network]\nhost = \n"), HasSubstr("fleet.toml:2:"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\n[training]\nlearning_rate = nan\n"),
              HasSubstr("fleet.toml:4: training.learning_rate"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\n[population]\nstrategy_params = { mu = true }\n"),
              HasSubstr("fleet.toml:4: population.strategy_params.mu"));
}

TEST(FleetConfig, SettingsThatContradictEachOtherAreRefused) {
  EXPECT_THAT(refusal("[round]\nrounds = 1\n"), HasSubstr("network.host: missing"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\n[round]\ncohort_size = 2\nquorum = 3\n"),
              HasSubstr("round.quorum"));
  EXPECT_THAT(refusal("[network]\nhost = \"h\"\nport = 9\nenrolment_port = 9\n"), HasSubstr("two ports"));
}

TEST(FleetConfig, QuorumDefaultsToThreeQuartersRoundedUp) {
  FleetConfig config;
  for (const auto& [cohort, quorum] : {std::pair{1, 1}, {2, 2}, {3, 3}, {4, 3}, {8, 6}, {10, 8}}) {
    config.round.cohort_size = cohort;
    EXPECT_EQ(config.quorum_or_default(), quorum) << cohort;
  }
}

}  // namespace
}  // namespace dunlin::fleet
