#include "kernels/quantize/quantize.h"

#include <algorithm>
#include <limits>

#include "kernels/simd/split.h"

namespace dunlin {

namespace {

/// nearest(x / scale) within what T reaches from its zero point. Plain C++ that compilers turn into vectors.
template <typename T>
struct Steps {
  float scale, zero, lowest, highest;
  Steps(float step, T zero_point)
      : scale(step),
        zero(zero_point),
        lowest(static_cast<float>(std::numeric_limits<T>::min()) - zero),
        highest(static_cast<float>(std::numeric_limits<T>::max()) - zero) {}

  float operator()(float x) const {
    constexpr float kNoFraction = 12582912;  // 1.5 * 2^23: a sum with it has no bits behind the point
    const float ratio = x / scale;
    const float within = std::min(std::max(ratio == ratio ? ratio : -zero, lowest), highest);
    return (within + kNoFraction) - kNoFraction;
  }
};

}  // namespace

template <typename T>
void quantize(ThreadPool& pool, const float* x, float scale, T zero_point, T* y, size_t n) {
  const Steps<T> steps(scale, zero_point);
  split_elements(pool, n, [&](size_t i, size_t end) {
    for (; i < end; ++i) y[i] = static_cast<T>(static_cast<int32_t>(steps(x[i]) + steps.zero));
  });
}

template <typename T>
void dequantize(ThreadPool& pool, const T* x, float scale, T zero_point, float* y, size_t n) {
  const int32_t zero = zero_point;
  split_elements(pool, n, [&](size_t i, size_t end) {
    for (; i < end; ++i) y[i] = static_cast<float>(static_cast<int32_t>(x[i]) - zero) * scale;
  });
}

template <typename T>
void fake_quantize(ThreadPool& pool, const float* x, float scale, T zero_point, float* y, size_t n) {
  const Steps<T> steps(scale, zero_point);
  split_elements(pool, n, [&](size_t i, size_t end) {
    for (; i < end; ++i) y[i] = steps(x[i]) * scale;
  });
}

#define DUNLIN_QUANTIZE(T)                                                   \
  template void quantize(ThreadPool&, const float*, float, T, T*, size_t);   \
  template void dequantize(ThreadPool&, const T*, float, T, float*, size_t); \
  template void fake_quantize(ThreadPool&, const float*, float, T, float*, size_t);
DUNLIN_QUANTIZE(int8_t)
DUNLIN_QUANTIZE(uint8_t)
DUNLIN_QUANTIZE(int16_t)
DUNLIN_QUANTIZE(uint16_t)
#undef DUNLIN_QUANTIZE

}  // namespace dunlin
