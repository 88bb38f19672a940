#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
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

TEST(ThreadPool, RefusesNoThreads) { EXPECT_THROW(ThreadPool(0), Error); }

}  // namespace
}  // namespace dunlin
