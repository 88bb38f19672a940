#include "kernels/random/dropout_simd.h"

#include <algorithm>

#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

// Philox4x32-10, several blocks side by side: each 64-bit lane holds one 32-bit word of one block.
using U64 = hn::ScalableTag<uint64_t>;
constexpr size_t kBlocks = hn::MaxLanes(U64());
constexpr uint64_t kFactor0 = 0xD2511F53, kFactor1 = 0xCD9E8D57, kWord = 0xFFFFFFFF;

template <class V>
HWY_INLINE V product(V a, V b) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(U64(), hn::GetLane(a) * hn::GetLane(b));
#else
  const hn::Repartition<uint32_t, U64> words;
  return hn::MulEven(hn::BitCast(words, a), hn::BitCast(words, b));
#endif
}

/// The 4 * kBlocks words of the blocks that begin with `block`.
HWY_INLINE void draw(uint64_t seed, uint64_t stream, uint64_t block, uint32_t* HWY_RESTRICT out) {
  const U64 d;
  const auto mask = hn::Set(d, kWord);
  HWY_ALIGN uint64_t counters[kBlocks];
  for (size_t i = 0; i < kBlocks; ++i) counters[i] = block + i;
  const auto counter = hn::Load(d, counters);
  auto c0 = hn::And(counter, mask), c1 = hn::ShiftRight<32>(counter);
  auto c2 = hn::Set(d, stream & kWord), c3 = hn::Set(d, stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const auto p0 = product(c0, hn::Set(d, kFactor0)), p1 = product(c2, hn::Set(d, kFactor1));
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, uint64_t{k0}));
    c1 = hn::And(p1, mask);
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, uint64_t{k1}));
    c3 = hn::And(p0, mask);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  HWY_ALIGN uint64_t low[kBlocks], high[kBlocks];
  hn::Store(hn::Or(c0, hn::ShiftLeft<32>(c1)), d, low);
  hn::Store(hn::Or(c2, hn::ShiftLeft<32>(c3)), d, high);
  for (size_t i = 0; i < kBlocks; ++i) {
    std::memcpy(out + 4 * i, low + i, 8);
    std::memcpy(out + 4 * i + 2, high + i, 8);
  }
}

void forward(uint64_t seed, uint64_t stream, uint64_t first, uint32_t threshold, float scale, size_t n,
             const float* x, float* y, bool* mask) {
  constexpr size_t kChunk = 4 * kBlocks * 16;
  HWY_ALIGN uint32_t words[kChunk];
  HWY_ALIGN bool keep[kChunk];
  for (size_t begin = 0; begin < n; begin += kChunk) {
    const size_t count = std::min(kChunk, n - begin);
    for (size_t i = 0; i < count; i += 4 * kBlocks) draw(seed, stream, (first + begin + i) / 4, words + i);
    for (size_t i = 0; i < count; ++i) keep[i] = words[i] >> 8 >= threshold;
    for (size_t i = 0; i < count; ++i) y[begin + i] = keep[i] ? x[begin + i] * scale : 0.f;
    if (mask) std::memcpy(mask + begin, keep, count);
  }
}

void backward(float scale, size_t n, const float* dy, const bool* mask, float* dx) {
  for (size_t i = 0; i < n; ++i) dx[i] = mask[i] ? dy[i] * scale : 0.f;
}

}  // namespace

constexpr DropoutTable dropout_table{forward, backward};

}  // namespace dunlin::HWY_NAMESPACE
