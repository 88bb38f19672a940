// Randomness: a counter-based generator for everything that must be repeatable, and the system's for secrets.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace dunlin {

/// Philox4x32-10 (Salmon et al., SC 2011): 128 random bits from a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A stream of Philox numbers. (seed, stream) names it; position makes any number reachable at once.
class Philox {
 public:
  explicit Philox(uint64_t seed, uint64_t stream = 0, uint64_t position = 0)
      : seed_(seed), stream_(stream), position_(position) {}

  uint32_t next_u32();
  uint64_t next_u64() { return (static_cast<uint64_t>(next_u32()) << 32) | next_u32(); }
  /// Uniform in [0, 1), 24 bits.
  float uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24f; }
  /// Uniform in [0, 1), 53 bits.
  double uniform_double() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
  /// Standard normal (Box-Muller).
  double normal();
  /// Gamma(shape, 1) (Marsaglia and Tsang, 2000). shape > 0.
  double gamma(double shape);
  /// Uniform in [0, bound), without bias. bound > 0.
  uint64_t below(uint64_t bound);

  /// Numbers of 32 bits drawn so far.
  uint64_t position() const { return position_; }

 private:
  uint64_t seed_, stream_, position_;
  std::array<uint32_t, 4> block_{};
};

/// Fisher-Yates, the same on every machine (std::shuffle is not).
template <typename T>
void shuffle(std::span<T> items, Philox& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

/// Source of unpredictable bytes; handed in, so that a test can replay a protocol.
class SecureRandom {
 public:
  virtual ~SecureRandom() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};

/// The operating system's generator. Lives for the whole process; thread safe.
SecureRandom& system_random();

}  // namespace dunlin
