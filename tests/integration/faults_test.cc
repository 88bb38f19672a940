// Real processes killed, stopped and cut off. Whatever happens, each accepted update counts once, and the
// versions are those of an undisturbed run, bit for bit.
#include <cstdlib>
#include <sstream>

#include "base/random.h"
#include "fleet/transport/test_proxy.h"
#include "fleet_processes.h"

namespace dunlin::fleet {
namespace {

// An update of some megabytes (4096 * 256 weights and more, 3 bytes each) and a training of about a second,
// so that there is time to hit both.
const FleetPlan kPlan{.rounds = 2, .epochs = 12, .model = "mlp", .size = 64, .host = "fleet.test"};
constexpr int64_t kMegabyte = 1 << 20;
constexpr int64_t kModelBytes = (4096 * 256 + 256 * 128) * 4;
constexpr int64_t kUpdateBytes = (4096 * 256 + 256 * 128) * 3;

std::vector<std::string> through(const TestProxy& proxy) { return {"https_proxy=" + proxy.url()}; }

/// Files of that name among the device's tasks under way.
int files_of_tasks(const ProcessFleet& fleet, int device, const std::string& name) {
  FileSystem& files = system_files();
  const std::string tasks = join_path(fleet.state_of(device), "tasks");
  int n = 0;
  if (files.exists(tasks))
    for (const std::string& task : files.list(tasks))
      n += files.exists(join_path(join_path(tasks, task), name));
  return n;
}

/// What the device says it sent in its last upload. (A proxy also sees what the kernel still sends for a dead one.)
double megabytes_sent(const ProcessFleet& fleet, int device) {
  const std::string log(as_chars(system_files().read(fleet.log_of(fmt::format("device-{}", device))))),
      before = "round 1: sent ";
  const size_t at = log.rfind(before);
  if (at == std::string::npos) return -1;
  std::istringstream words(log.substr(at + before.size()));
  double number = 0;
  std::string unit;
  words >> number >> unit;
  return unit == "MB" ? number : unit == "kB" ? number / 1e3 : -1;
}

TEST(FaultsOfProcesses, DevicesKilledWhileTrainingAndUploading) {
  TestProxy proxy;  // finds fleet.test, which is no real name
  TestProxy slow;
  slow.hold_up_after(3 * kMegabyte / 2);
  ProcessFleet fleet(kPlan);
  fleet.start_coordinator();
  fleet.start_device(1, through(proxy));
  fleet.start_device(2, through(slow));
  fleet.start_device(3, through(proxy));

  // SIGKILL while training: it begins that training again.
  ASSERT_TRUE(fleet.wait_for_log(1, "round 1  loss"));
  fleet.kill_device(1);
  EXPECT_EQ(files_of_tasks(fleet, 1, "update"), 0) << "it was killed too late";
  fleet.start_device(1, through(proxy));

  // SIGTERM while training: it saves where it was, and goes on from there.
  ASSERT_TRUE(fleet.wait_for_log(3, "round 1  loss"));
  EXPECT_EQ(fleet.stop_device(3), 0);
  EXPECT_EQ(files_of_tasks(fleet, 3, "training.safetensors"), 1);
  EXPECT_EQ(files_of_tasks(fleet, 3, "update"), 0);
  fleet.start_device(3, through(proxy));

  // SIGKILL while uploading: the chunks that arrived are not sent again.
  ASSERT_TRUE(
      fleet.wait_until("half an update is on its way", [&] { return slow.bytes_up() >= 3 * kMegabyte / 2; }));
  fleet.kill_device(2);
  EXPECT_EQ(files_of_tasks(fleet, 2, "update"), 1);
  slow.heal();
  fleet.start_device(2, through(slow));
  ASSERT_TRUE(fleet.wait_for_log(2, "round 1: UPDATE_ACCEPTED"));
  EXPECT_GT(megabytes_sent(fleet, 2), 0);
  EXPECT_LT(megabytes_sent(fleet, 2) * kMegabyte, kUpdateBytes - kMegabyte / 2);

  ASSERT_TRUE(fleet.wait_until_finished());
  expect_everyone_counted_once(fleet);
  for (int d = 1; d <= 3; ++d) EXPECT_EQ(fleet.count_in_log(d, "round 1: UPDATE_ACCEPTED"), 1) << d;
  EXPECT_EQ(fleet.versions(), undisturbed(kPlan));
}

TEST(FaultsOfProcesses, ALinkCutInTheMiddleOfADownloadAndAnUpload) {
  TestProxy proxy, bad;
  bad.cut_down_after(7 * kMegabyte / 2);
  ProcessFleet fleet(kPlan);
  fleet.start_coordinator();
  fleet.start_device(1, through(bad));
  fleet.start_device(2, through(proxy));
  fleet.start_device(3, through(proxy));
  ASSERT_TRUE(fleet.wait_for_log(1, "trying again"));
  EXPECT_GE(bad.bytes_down(), 7 * kMegabyte / 2);
  bad.heal();
  bad.cut_up_after(3 * kMegabyte / 2);
  ASSERT_TRUE(fleet.wait_until("the upload is cut", [&] { return bad.bytes_up() >= 3 * kMegabyte / 2; }));
  ASSERT_TRUE(fleet.wait_for_log(1, "trying again", 2));
  bad.heal();
  ASSERT_TRUE(fleet.wait_for_log(1, "round 1: UPDATE_ACCEPTED"));
  // Each way at most the chunk under way went twice.
  EXPECT_LT(bad.bytes_down(), kModelBytes + 5 * kMegabyte / 4);
  EXPECT_LT(bad.bytes_up(), kUpdateBytes + 5 * kMegabyte / 4);

  ASSERT_TRUE(fleet.wait_until_finished());
  expect_everyone_counted_once(fleet);
  EXPECT_EQ(fleet.versions(), undisturbed(kPlan));
}

void kill_coordinator_at_random(int kills, int64_t rounds, uint64_t seed) {
  FleetPlan plan{.rounds = rounds, .epochs = 4, .model = "mlp", .size = 32};
  ProcessFleet fleet(plan);
  Philox rng(seed);
  fleet.start_coordinator();
  fleet.start_devices();
  // To enrol is a person's first step, and fails at once when the coordinator is not there.
  for (int d = 1; d <= plan.devices; ++d) ASSERT_TRUE(fleet.wait_for_log(d, "enrolled as"));
  for (int k = 0; k < kills; ++k) {
    // Half a round or so, so that the kills fall all over it.
    system_clock().sleep_ms(static_cast<int64_t>(rng.below(400)));
    fleet.kill_coordinator();
    system_clock().sleep_ms(static_cast<int64_t>(rng.below(200)));
    fleet.start_coordinator();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
  ASSERT_TRUE(fleet.wait_until_finished(240));
  expect_everyone_counted_once(fleet);
  EXPECT_EQ(fleet.versions(), undisturbed(plan));
}

TEST(FaultsOfProcesses, ACoordinatorKilledAtRandomMoments) { kill_coordinator_at_random(4, 3, 21); }

// Runs under the label soak.
TEST(SoakOfProcesses, ACoordinatorKilledAtTwentyRandomMoments) { kill_coordinator_at_random(20, 8, 22); }

}  // namespace
}  // namespace dunlin::fleet
