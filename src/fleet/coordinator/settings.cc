#include "fleet/coordinator/settings.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace dunlin::fleet {

namespace {
constexpr uint64_t kSeedStream = uint64_t{0x726f756e64}
                                 << 24;  // "round": apart from every other use of the seed
}

uint64_t CoordinatorSettings::selection() const {
  return std::max<uint64_t>(cohort,
                            static_cast<uint64_t>(std::ceil(static_cast<double>(cohort) * over_selection)));
}

void CoordinatorSettings::check() const {
  const auto require = [](bool ok, const char* what, auto got, const char* expected) {
    if (!ok) fail(ErrorCode::kInvalidArgument, "round settings: {} is {}, expected {}", what, got, expected);
  };
  require(cohort >= 1, "cohort_size", cohort, "at least 1");
  require(over_selection >= 1 && over_selection <= 10, "over_selection", over_selection, "1 to 10");
  require(quorum >= 1 && quorum <= cohort, "quorum", quorum, "1 to cohort_size");
  require(deadline_ms > 0, "deadline", deadline_ms, "a positive time");
  require(pace_ms > 0, "pace", pace_ms, "a positive time");
  require(max_weight >= 1 && max_weight <= uint64_t{1} << 31, "max_weight", max_weight, "1 to 2^31");
  require(checkpoint_every >= 1, "checkpoint_every", checkpoint_every, "at least 1");
}

CoordinatorSettings settings_from(const FleetConfig& c) {
  CoordinatorSettings s;
  s.population = c.population.name;
  s.strategy = c.population.strategy;
  s.strategy_params = c.population.strategy_params;
  s.seed = static_cast<uint64_t>(c.training.seed);
  s.rounds = static_cast<uint64_t>(c.round.rounds);
  s.cohort = static_cast<uint64_t>(c.round.cohort_size);
  s.over_selection = c.round.over_selection;
  s.quorum = static_cast<uint64_t>(c.quorum_or_default());
  s.deadline_ms = c.round.deadline_s * 1000;
  s.pace_ms = c.round.pace_s * 1000;
  s.selection_window_ms = 2 * s.pace_ms;
  s.epochs = static_cast<uint32_t>(c.training.local_epochs);
  s.batch = static_cast<uint32_t>(c.training.batch);
  s.optimizer = c.training.optimizer;
  s.learning_rate = c.training.learning_rate;
  s.momentum = c.training.momentum;
  s.weight_decay = c.training.weight_decay;
  s.device_evaluation = c.evaluation.on_devices;
  s.max_weight = static_cast<uint64_t>(c.round.max_weight);
  s.keep_versions = static_cast<uint64_t>(c.round.keep_versions);
  s.max_update_bytes = static_cast<uint64_t>(c.limits.max_artefact_bytes);
  s.check();
  return s;
}

uint64_t round_seed(uint64_t fleet_seed, uint64_t round) {
  return Philox(fleet_seed, kSeedStream ^ round).next_u64();
}

}  // namespace dunlin::fleet
