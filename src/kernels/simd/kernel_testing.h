// For kernel tests only: every ISA level of this machine, several thread counts, odd sizes, seeded numbers.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/threads.h"

namespace dunlin {

/// Sizes around vector and unrolling boundaries, and one that is split between threads.
inline constexpr size_t kOddSizes[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1023, 40000};

template <typename Test>
void for_each_isa_and_threads(const Test& test) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (Isa isa : available_isas()) {
      SCOPED_TRACE(std::string(to_string(isa)) + ", " + std::to_string(threads) + " threads");
      test(isa, pool);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

inline std::vector<float> random_floats(size_t n, float lo, float hi, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(lo, hi);
  std::vector<float> values(n);
  for (float& v : values) v = uniform(generator);
  return values;
}

/// True when `run(pool)`, which returns a vector of floats, gives the same bits on 1, 2 and 3 threads.
template <typename Run>
bool same_bits_on_any_threads(const Run& run) {
  ThreadPool one(1), two(2), three(3);
  const std::vector<float> a = run(one), b = run(two), c = run(three);
  const auto same = [&](const std::vector<float>& other) {
    return a.size() == other.size() && std::memcmp(a.data(), other.data(), a.size() * sizeof(float)) == 0;
  };
  return same(b) && same(c);
}

}  // namespace dunlin
