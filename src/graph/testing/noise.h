// For tests: numbers that a formula gives, so that files of golden values need not carry inputs and weights.
#pragma once

#include <cstdint>

namespace dunlin {

/// Uniform in [-1, 1): as noise() of tests/golden/make_gradients.py.
inline float golden_noise(uint64_t i, uint64_t key) {
  uint32_t h = static_cast<uint32_t>(i * 2654435761u + key * 40503 + 12345);
  h ^= h >> 16;
  h *= 2246822519u;
  h ^= h >> 13;
  return static_cast<float>(static_cast<double>(h) / 2147483648.0 - 1);
}

}  // namespace dunlin
