// The main job with real processes: a coordinator and three devices; what they publish is the weighted mean
// of what each device's training gives, computed here again without a fleet.
#include <cmath>

#include "fleet/coordinator/settings.h"
#include "fleet/model/onnx_codec.h"
#include "fleet_processes.h"
#include "learn/data/open.h"
#include "learn/partition.h"
#include "learn/trainer.h"

namespace dunlin::fleet {
namespace {

/// One device's training of one round, as docs and fleet.toml define it.
NamedTensors train_share(const ProcessFleet& fleet, const dunlin::Model& base, int device, uint64_t round,
                         uint64_t& examples) {
  const FleetPlan& plan = fleet.plan();
  const FleetConfig config = load_fleet_config(config_path(fleet.dir()), system_files());
  const DatasetPtr share = take_share(open_data(fleet.data()).train, PartitionSpec::parse(plan.part),
                                      DataShare::parse(fmt::format("{}/{}", device, plan.devices)));
  const DatasetPtr train = split_held_out(share, 0.1, 0).train;
  examples = train->size();
  Trainer trainer(base, *read_task(base.metadata, "base"),
                  {.epochs = config.training.local_epochs,
                   .batch = config.training.batch,
                   .optimizer = parse_optimizer("sgd:momentum=0.9"),
                   .learning_rate = config.training.learning_rate,
                   .seed = round_seed(static_cast<uint64_t>(config.training.seed), round)});
  trainer.train(train);
  return tensors_of(trainer.model());
}

TEST(FleetOfProcesses, PublishesTheWeightedMeanOfItsDevices) {
  ProcessFleet fleet({});
  fleet.start_coordinator();
  fleet.start_devices();
  ASSERT_TRUE(fleet.wait_until_finished());
  expect_everyone_counted_once(fleet);

  const std::vector<Bytes> versions = fleet.versions();
  ASSERT_EQ(versions.size(), 3u);
  for (uint64_t round = 1; round <= 2; ++round) {
    const dunlin::Model base = parse_artefact(versions[round - 1]);
    const NamedTensors before = tensors_of(base), after = tensors_of(parse_artefact(versions[round]));
    std::vector<NamedTensors> trained;
    std::vector<uint64_t> examples(3);
    uint64_t total = 0;
    for (int d = 1; d <= 3; ++d) {
      trained.push_back(train_share(fleet, base, d, round, examples[static_cast<size_t>(d - 1)]));
      total += examples[static_cast<size_t>(d - 1)];
    }
    EXPECT_EQ(fleet.weights()[round], total);
    ASSERT_GT(before.size(), 0u);
    double largest_move = 0;
    for (const NamedTensor& t : before)
      for (size_t i = 0; i < t.values.size(); ++i) {
        double mean = 0;
        for (size_t d = 0; d < 3; ++d)
          mean += static_cast<double>(examples[d]) * trained[d].at(t.name).values[i];
        mean /= static_cast<double>(total);
        largest_move = std::max(largest_move, std::abs(mean - t.values[i]));
        // Updates travel with a step of 4.8e-7 at these magnitudes, weights are floats.
        ASSERT_NEAR(after.at(t.name).values[i], mean, 1e-6) << t.name << "[" << i << "], round " << round;
      }
    EXPECT_GT(largest_move, 1e-3) << "round " << round << ": nothing was learned, nothing was compared";
  }
  // Whoever is told to stop stops, with exit code 0.
  for (int d = 1; d <= 3; ++d) EXPECT_EQ(fleet.stop_device(d), 0);
  EXPECT_EQ(fleet.stop_coordinator(), 0);
}

TEST(FleetOfProcesses, EveryDeviceEndsWithTheLastVersion) {
  ProcessFleet fleet({.rounds = 1});
  fleet.start_coordinator();
  fleet.start_devices();
  ASSERT_TRUE(fleet.wait_until_finished());
  for (int d = 1; d <= 3; ++d) {
    // A device leaves when the fleet has finished, and says what it runs.
    std::string last;
    while (const auto line = fleet.device(d).read_line()) last = *line;
    const auto json = nlohmann::json::parse(last);
    EXPECT_TRUE(json.at("finished").get<bool>());
    EXPECT_EQ(json.at("version"), 1);
    EXPECT_EQ(system_files().read(json.at("model").get<std::string>()), fleet.versions().back());
    EXPECT_EQ(fleet.device(d).join(10'000), 0);
  }
  // Each also tried it on its own held-out data.
  EXPECT_TRUE(fleet.wait_until("all evaluations are in", [&] {
    const auto on_devices = fleet.status().on_devices;
    return on_devices && on_devices->examples >= 24 - 3;
  }));
}

}  // namespace
}  // namespace dunlin::fleet
