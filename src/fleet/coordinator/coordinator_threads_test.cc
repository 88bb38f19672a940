// The coordinator asked by many threads at once, as a server asks it: held check-ins, the order of arrival, memory.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "fleet/coordinator/coordinator.h"
#include "fleet/coordinator/toy_fleet.h"

namespace dunlin::fleet {
namespace {

TEST_F(CoordinatorTest, AHeldCheckInIsAnsweredWhenTheRoundOpens) {
  fleet_.start();
  std::thread worker([&] { fleet_.coordinator->run(); });
  std::vector<std::thread> devices;
  std::vector<wire::v1::CheckInReply> replies(4);
  for (size_t i = 0; i < 4; ++i)
    devices.emplace_back([&, i] {
      auto request = ToyFleet::hello();
      request.set_hold_ms(20'000);
      replies[i] = fleet_.coordinator->check_in(kFour[i], request);
    });
  for (std::thread& t : devices) t.join();
  for (const auto& r : replies) EXPECT_TRUE(r.has_task());
  std::thread waiting([&] {
    auto request = ToyFleet::hello();
    request.set_hold_ms(20'000);
    EXPECT_EQ(fleet_.coordinator->check_in("late", request).reason(), wire::v1::NOT_SELECTED);
  });
  fleet_.coordinator->stop();  // ends the hold of "late", which no round wanted
  waiting.join();
  worker.join();
}

TEST_F(CoordinatorTest, ADeviceHoldsOnePlaceAndNoLongerThanItAskedFor) {
  fleet_.settings.max_held = 2;
  fleet_.start();
  auto request = ToyFleet::hello();
  request.set_hold_ms(20'000);
  std::vector<std::thread> waiting;
  std::atomic<int> waits = 0, ended = 0;
  const auto wait = [&](const std::string& device) {
    waiting.emplace_back([&, device] {
      fleet_.coordinator->check_in(device, request, [&waits] { return ++waits, false; });
      ++ended;
    });
  };
  wait("greedy");
  while (waits == 0) std::this_thread::yield();
  // Answered at once: it has its place.
  EXPECT_GE(fleet_.coordinator->check_in("greedy", request).come_back_ms(), 800u);
  wait("other");
  while (waits < 4) std::this_thread::yield();
  EXPECT_EQ(ended, 0);
  fleet_.clock.advance_ms(20'001);  // the coordinator's clock, not the machine's
  for (std::thread& t : waiting) t.join();
  EXPECT_EQ(ended, 2);
}

TEST_F(CoordinatorTest, AFullDiskWhileStoppingEndsQuietly) {
  fleet_.start({.max_pages = 60});
  fleet_.check_in("first");
  fleet_.coordinator->tick();  // writes who was seen; the next time is seconds away
  std::string error;
  try {
    for (int i = 0; i < 2000; ++i)
      fleet_.coordinator->store().save_devices({{std::to_string(i), std::string(500, 'x')}});
  } catch (const Error& e) {
    error = e.what();
  }
  ASSERT_NE(error.find("full"), std::string::npos) << error;
  for (int i = 0; i < 100; ++i) fleet_.check_in(std::string(100, 'x') + std::to_string(i));
  std::thread worker([&] { fleet_.coordinator->run(); });
  fleet_.coordinator->stop();
  worker.join();  // an exception that left the thread would have ended this process
}

TEST_F(CoordinatorTest, DevicesAllAtOnceGiveTheBitsOfOneAfterAnother) {
  const std::vector<std::string> devices = {"a", "b", "c", "d", "e", "f", "g", "h"};
  const auto versions = [](ToyFleet& fleet) {
    std::vector<std::string> out;
    for (uint64_t v = 1; v <= fleet.coordinator->version(); ++v)
      out.push_back(fleet.coordinator->store().version(v).model.sha256);
    return out;
  };
  TemporaryFolder folder;
  ToyFleet calm(folder.path());
  for (ToyFleet* fleet : {&calm, &fleet_}) {
    fleet->settings.cohort = fleet->settings.quorum = devices.size();
    fleet->settings.checkpoint_every = 3;
    fleet->start();
  }
  while (!calm.coordinator->finished()) {
    for (const auto& [device, task] : calm.open(devices)) calm.send(device, task);
    calm.coordinator->tick();
  }
  std::thread worker([&] { fleet_.coordinator->run(); });
  std::vector<std::thread> threads;
  for (const std::string& device : devices)
    threads.emplace_back([&, device] {
      auto request = ToyFleet::hello();
      request.set_hold_ms(5'000);
      for (;;) {
        const auto reply = fleet_.coordinator->check_in(device, request);
        if (reply.reason() == wire::v1::FLEET_FINISHED) return;
        if (!reply.has_task()) continue;
        const Bytes update = fleet_.update(device, reply.task());
        fleet_.upload(device, reply.task(), update);
        const auto commit = ToyFleet::commit_request(reply.task(), update);
        std::thread again([&] {  // the same one, at the same time
          EXPECT_EQ(fleet_.coordinator->commit(device, commit).reason(), wire::v1::UPDATE_ACCEPTED);
        });
        EXPECT_EQ(fleet_.coordinator->commit(device, commit).reason(), wire::v1::UPDATE_ACCEPTED);
        again.join();
      }
    });
  for (std::thread& t : threads) t.join();
  fleet_.coordinator->stop();
  worker.join();
  EXPECT_EQ(versions(fleet_), versions(calm));
}

#ifdef __SANITIZE_ADDRESS__
constexpr bool kMemoryIsOurs = false;  // freed memory stays in quarantine
#else
constexpr bool kMemoryIsOurs = true;
#endif

// The largest resident memory while `run` runs, above what there was.
template <typename Run>
int64_t peak_growth_bytes(Run&& run) {
  const auto field = [](const std::string& name) -> int64_t {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with(name)) return std::stoll(line.substr(name.size())) * 1024;
    return 0;
  };
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
  const int64_t before = field("VmRSS:");
  run();
  return field("VmHWM:") - before;
}

using SoakCoordinator = CoordinatorTest;
TEST_F(SoakCoordinator, MemoryDoesNotGrowWithTheCohort) {
  if (!kMemoryIsOurs) GTEST_SKIP() << "no measure under AddressSanitizer";
  constexpr size_t kParameters = 500'000;  // an update has 1.5 MB
  const auto round_of = [&](size_t cohort) {
    return peak_growth_bytes([&] {
      TemporaryFolder folder;
      ToyFleet fleet(folder.path());
      fleet.first_model = toy_model(kParameters);
      fleet.settings.rounds = 1;
      fleet.settings.cohort = fleet.settings.quorum = cohort;
      fleet.start();
      std::vector<std::string> devices;
      for (size_t i = 0; i < cohort; ++i) devices.push_back("device" + std::to_string(i));
      const auto tasks = fleet.open(devices);
      std::vector<std::thread> threads;
      for (size_t t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
          for (size_t i = t; i < cohort; i += 8)
            EXPECT_EQ(fleet.send(devices[i], tasks.at(devices[i])).reason(), wire::v1::UPDATE_ACCEPTED);
        });
      for (std::thread& t : threads) t.join();
      fleet.coordinator->tick();
      EXPECT_EQ(fleet.coordinator->version(), 1u);
      EXPECT_EQ(fleet.coordinator->store().version(1).updates, cohort);
    });
  };
  round_of(8);  // what the first round alone needs
  const int64_t small = round_of(16), large = round_of(512);
  EXPECT_LT(large - small, int64_t{16} << 20) << small << " bytes for 16 devices, " << large << " for 512";
}

}  // namespace
}  // namespace dunlin::fleet
