#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.h"

namespace dunlin {
namespace {

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> seen(1000);
    pool.parallel_for(seen.size(), [&](size_t i, int slot) {
      ASSERT_LT(slot, pool.size());
      ++seen[i];
    });
    for (auto& s : seen) EXPECT_EQ(s, 1);
  }
}

TEST(ThreadPool, CarriesTheExceptionBackAndStaysUsable) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.parallel_for(100,
                                 [](size_t i, int) {
                                   if (i == 57) fail(ErrorCode::kInvalidArgument, "task {}", i);
                                 }),
               Error);
  std::atomic<int> sum = 0;
  pool.parallel_for(10, [&](size_t i, int) { sum += static_cast<int>(i); });
  EXPECT_EQ(sum, 45);
}

// Short jobs one after another, some after a pause in which the workers fall asleep, from two callers.
TEST(ThreadPool, LosesNoTaskOfManySmallJobs) {
  ThreadPool pool(4);
  const auto call = [&](size_t jobs) {
    for (size_t n = 0; n < jobs; ++n) {
      const size_t count = 2 + n % 7;
      std::atomic<size_t> sum = 0;
      pool.parallel_for(count, [&](size_t i, int) { sum += i + 1; });
      ASSERT_EQ(sum, count * (count + 1) / 2) << n;
      if (n % 1000 == 0) std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  };
  std::thread other([&] { call(5000); });
  call(5000);
  other.join();
}

TEST(ThreadPool, EndsWhetherItsWorkersSleepOrNot) {
  for (int n = 0; n < 50; ++n) {
    ThreadPool pool(1 + n % 5);
    if (n % 2) pool.parallel_for(3, [](size_t, int) {});
    if (n % 3) std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
}

TEST(ThreadPool, RefusesNoThreads) { EXPECT_THROW(ThreadPool(0), Error); }

}  // namespace
}  // namespace dunlin
