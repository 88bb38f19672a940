// The coordinator killed at every write point of its rounds, at random moments, and on a full disk. What it
// acknowledged must count, once, and the versions must be those of an undisturbed run, bit for bit.
//
// Built against the variant of the library that has fault points (store/fault_point.h).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/log.h"
#include "fleet/coordinator/toy_fleet.h"
#include "fleet/store/fault_point.h"
#include "fleet/test_full_disk.h"

namespace dunlin::fleet {
namespace {

const std::vector<std::string> kDevices = {"a", "b", "c", "d", "e"};
constexpr uint64_t kRounds = 2;

void configure(ToyFleet& fleet) {
  fleet.settings.rounds = kRounds;
  fleet.settings.cohort = fleet.settings.quorum = kDevices.size();
  fleet.settings.checkpoint_every = 2;
}

// What devices believe: a line for every acknowledged update, written when the answer has arrived.
void note_acknowledged(const std::string& dir, const std::string& task) {
  const int fd = ::open((dir + "/acknowledged").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const std::string line = task + "\n";
  ASSERT_EQ(::write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  ::close(fd);
}

// One pass of everybody: look in, train, send.
void step(ToyFleet& fleet) {
  for (const std::string& device : kDevices) {
    const auto reply = fleet.check_in(device);
    if (!reply.has_task()) continue;
    if (fleet.send(device, reply.task()).reason() == wire::v1::UPDATE_ACCEPTED)
      note_acknowledged(fleet.dir, reply.task().id());
  }
  fleet.coordinator->tick();
}

void play(ToyFleet& fleet) {
  fleet.start();
  for (int i = 0; i < 20 && !fleet.coordinator->finished(); ++i) step(fleet);
}

std::vector<std::string> versions(ToyFleet& fleet) {
  std::vector<std::string> out;
  for (uint64_t v = 0; v <= fleet.coordinator->version(); ++v)
    out.push_back(fleet.coordinator->store().version(v).model.sha256);
  return out;
}

const std::vector<std::string>& undisturbed() {
  static const std::vector<std::string> reference = [] {
    TemporaryFolder folder;
    ToyFleet fleet(folder.path());
    configure(fleet);
    play(fleet);
    return versions(fleet);
  }();
  return reference;
}

// `fleet` has finished after faults: nothing lost, nothing twice, the same bits.
void expect_undisturbed(ToyFleet& fleet, const std::string& after) {
  ASSERT_TRUE(fleet.coordinator->finished()) << after;
  EXPECT_EQ(versions(fleet), undisturbed()) << after;
  Store& store = fleet.coordinator->store();
  EXPECT_EQ(store.last_round()->attempt, 1u) << after << ": a round that resumes does not fail";
  for (uint64_t v = 1; v <= kRounds; ++v) EXPECT_EQ(store.version(v).updates, kDevices.size()) << after;
  std::ifstream lines(fleet.dir + "/acknowledged");
  for (std::string task; std::getline(lines, task);)
    EXPECT_EQ(store.task(task)->state, "accepted") << after << ": " << task;
  EXPECT_TRUE(fleet.inbox->list().empty()) << after;
  EXPECT_TRUE(fleet.files.list(fleet.dir + "/accumulators").empty()) << after;
}

// Set before fork, used by the child only.
int points_left = 0;
std::vector<std::string>* points_seen = nullptr;

void count_point(const char* place, const char* moment) {
  points_seen->push_back(std::string(place) + ":" + moment);
}
void die_at_point(const char*, const char*) {
  if (--points_left == 0) ::kill(::getpid(), SIGKILL);
}

std::vector<std::string> write_points() {
  std::vector<std::string> seen;
  points_seen = &seen;
  fault_hook = count_point;
  TemporaryFolder folder;
  ToyFleet fleet(folder.path());
  configure(fleet);
  play(fleet);
  fault_hook = nullptr;
  return seen;
}

// The child plays until it is killed; true when it came to its end instead.
template <typename Play>
pid_t in_child(Play&& play_child) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  play_child();
  ::_exit(::testing::Test::HasFailure() ? 1 : 0);
}

bool killed(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGKILL;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return false;
}

class Faults : public testing::Test {
 protected:
  void SetUp() override {
    init_logging(true);
    // These tests are thousands of small transactions; what they prove does not depend on the disk under
    // them.
    if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  }
};

TEST_F(Faults, KilledAtEveryWritePoint) {
  const std::vector<std::string> points = write_points();
  for (const char* needed :
       {"schema:commit",        "create_population:commit", "open_round:commit",      "accept_update:before",
        "accept_update:commit", "accept_update:after",      "save_checkpoint:commit", "begin_closing:commit",
        "publish:before",       "publish:commit",           "publish:after",          "artefact:before",
        "artefact:after",       "artefact_remove:before",   "upload_begin:before",    "upload_begin:between",
        "upload_begin:after",   "upload_chunk:before",      "upload_chunk:after",     "upload_sync:before",
        "upload_sync:after",    "upload_remove:before",     "upload_remove:between"})
    EXPECT_NE(std::find(points.begin(), points.end(), needed), points.end()) << needed;
  undisturbed();
  for (size_t k = 1; k <= points.size(); ++k) {
    TemporaryFolder folder;
    const pid_t child = in_child([&] {
      points_left = static_cast<int>(k);
      fault_hook = die_at_point;
      ToyFleet fleet(folder.path());
      configure(fleet);
      play(fleet);
    });
    ASSERT_TRUE(killed(child)) << points[k - 1];
    ToyFleet fleet(folder.path());
    configure(fleet);
    play(fleet);
    expect_undisturbed(fleet, fmt::format("killed at write point {} ({})", k, points[k - 1]));
  }
}

TEST_F(Faults, KilledAgainAndAgainAtWritePoints) {
  const int num_points = static_cast<int>(write_points().size());
  undisturbed();
  Philox rng(11);
  for (int trial = 0; trial < 10; ++trial) {
    TemporaryFolder folder;
    for (int kills = 0; kills < 8; ++kills) {
      const int at = 1 + static_cast<int>(rng.below(static_cast<uint64_t>(num_points) / 3));
      const pid_t child = in_child([&] {
        points_left = at;
        fault_hook = die_at_point;
        ToyFleet fleet(folder.path());
        configure(fleet);
        play(fleet);
      });
      killed(child);
    }
    ToyFleet fleet(folder.path());
    configure(fleet);
    play(fleet);
    expect_undisturbed(fleet, fmt::format("trial {}", trial));
  }
}

void kill_at_random_moments(int kills_wanted, uint64_t seed) {
  undisturbed();
  Philox rng(seed);
  const auto play_once = [](const std::string& dir) {
    ToyFleet fleet(dir);
    configure(fleet);
    play(fleet);
  };
  double seconds = 0;
  {
    TemporaryFolder folder;
    const double begin = monotonic_seconds();
    play_once(folder.path());
    seconds = monotonic_seconds() - begin;
  }
  int kills = 0;
  for (int trial = 0; kills < kills_wanted && trial < 10 * kills_wanted; ++trial) {
    TemporaryFolder folder;
    for (int life = 0; life < 4; ++life) {
      const pid_t child = in_child([&] { play_once(folder.path()); });
      ::usleep(static_cast<useconds_t>(rng.uniform_double() * seconds * 0.7e6));
      ::kill(child, SIGKILL);
      kills += killed(child);
    }
    ToyFleet fleet(folder.path());
    configure(fleet);
    play(fleet);
    expect_undisturbed(fleet, fmt::format("trial {}", trial));
  }
  EXPECT_GE(kills, kills_wanted);
}

TEST_F(Faults, KilledAtRandomMoments) { kill_at_random_moments(20, 12); }

using SoakFaults = Faults;
TEST_F(SoakFaults, KilledAtManyRandomMoments) { kill_at_random_moments(2000, 13); }

// Goes on through errors, as devices and the coordinator's loop do; true when there were any.
bool play_through_errors(ToyFleet& fleet, int passes) {
  bool errors = false;
  const auto attempt = [&](auto&& what) {
    try {
      what();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kIo) << e.what();
      errors = true;
    }
  };
  for (int i = 0; i < passes; ++i) {
    if (!fleet.coordinator) attempt([&] { fleet.start(); });
    if (!fleet.coordinator) continue;
    for (const std::string& device : kDevices)
      attempt([&] {
        const auto reply = fleet.check_in(device);
        if (!reply.has_task()) return;
        if (fleet.send(device, reply.task()).reason() == wire::v1::UPDATE_ACCEPTED)
          note_acknowledged(fleet.dir, reply.task().id());
      });
    attempt([&] { fleet.coordinator->tick(); });
  }
  return errors;
}

TEST_F(Faults, AFullDiskLosesNothing) {
  FullDisk counting;
  {
    TemporaryFolder folder;
    ToyFleet fleet(folder.path(), counting);
    configure(fleet);
    play(fleet);
  }
  ASSERT_GT(counting.writes, 15);
  for (int k = 0; k < counting.writes; ++k)
    for (const bool restart : {false, true}) {
      TemporaryFolder folder;
      FullDisk disk;
      disk.writes_left = k;
      ToyFleet fleet(folder.path(), disk);
      configure(fleet);
      EXPECT_TRUE(play_through_errors(fleet, 6)) << k;
      disk.writes_left = INT32_MAX;
      if (restart) fleet.coordinator.reset();
      EXPECT_FALSE(play_through_errors(fleet, 8)) << k;
      expect_undisturbed(fleet, fmt::format("full at write {}", k));
    }
}

TEST_F(Faults, AFullDatabaseLosesNothing) {
  int filled = 0;
  for (int64_t pages = 1; pages < 60; ++pages) {
    TemporaryFolder folder;
    ToyFleet fleet(folder.path());
    configure(fleet);
    try {
      fleet.start({.max_pages = pages});
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kIo) << e.what();
      ++filled;
    }
    if (fleet.coordinator) filled += play_through_errors(fleet, 6);
    fleet.coordinator.reset();
    EXPECT_FALSE(play_through_errors(fleet, 8)) << pages;
    expect_undisturbed(fleet, fmt::format("{} pages", pages));
  }
  EXPECT_GT(filled, 10);
}

}  // namespace
}  // namespace dunlin::fleet
