#include "base/peak_memory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <vector>

namespace dunlin {
namespace {

constexpr size_t kLarge = size_t{300} << 20;

TEST(PeakMemory, IsOfThisProcess) {
  const uint64_t before = peak_rss_bytes();
  EXPECT_GT(before, 0u);
  { const std::vector<char> held(kLarge, 1); }
  EXPECT_GE(peak_rss_bytes(), kLarge);
  EXPECT_EQ(peak_rss_bytes(getpid()), peak_rss_bytes());
}

// getrusage() would say 300 MB here.
TEST(PeakMemory, WhatWasHeldBeforeExecDoesNotCount) {
  const std::vector<char> held(kLarge, 1);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {  // its read ends when the test closes the other end
    dup2(ends[0], 0);
    close(ends[1]);
    execl("/bin/cat", "cat", static_cast<char*>(nullptr));
    _exit(1);
  }
  close(ends[0]);
  uint64_t peak = kLarge;  // until exec()
  for (int i = 0; i < 1000 && peak >= kLarge; ++i) {
    usleep(10'000);
    peak = peak_rss_bytes(child);
  }
  EXPECT_GT(peak, 0u);
  EXPECT_LT(peak, kLarge / 10);
  close(ends[1]);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(peak_rss_bytes(child), 0u);  // gone
}

}  // namespace
}  // namespace dunlin
