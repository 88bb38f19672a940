#include "base/random.h"

#include <sodium.h>

#include <cmath>
#include <numbers>

namespace dunlin {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0], p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k = {k[0] + 0x9E3779B9, k[1] + 0xBB67AE85};
  }
  return c;
}

uint32_t Philox::next_u32() {
  const uint64_t block = position_ / 4, lane = position_ % 4;
  // A stream may be entered in the middle of a block, so the block is made anew at lane 0 and on entry.
  if (lane == 0 || block_ == std::array<uint32_t, 4>{})
    block_ = philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                         static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                        {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
  ++position_;
  return block_[lane];
}

double Philox::normal() {
  const double u = 1.0 - uniform_double(), v = uniform_double();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

double Philox::gamma(double shape) {
  if (shape < 1) {
    const double u = 1.0 - uniform_double();
    return gamma(shape + 1) * std::pow(u, 1 / shape);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal(), t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t, u = 1.0 - uniform_double();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

uint64_t Philox::below(uint64_t bound) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    const uint64_t x = next_u64();
    if (x < limit) return x % bound;
  }
}

namespace {
class SystemRandom final : public SecureRandom {
 public:
  void fill(std::span<std::byte> out) override { randombytes_buf(out.data(), out.size()); }
};
}  // namespace

SecureRandom& system_random() {
  static SystemRandom random;
  return random;
}

}  // namespace dunlin
