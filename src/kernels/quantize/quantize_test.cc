#include "kernels/quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

template <typename T>
T expected(float x, float scale, T zero) {
  const float ratio = x / scale;
  if (std::isnan(ratio)) return 0;
  const double q = std::nearbyint(static_cast<double>(ratio)) + static_cast<double>(zero);
  return static_cast<T>(std::clamp(q, static_cast<double>(std::numeric_limits<T>::min()),
                                   static_cast<double>(std::numeric_limits<T>::max())));
}

/// Random numbers, every tie that T reaches, and what is beyond.
template <typename T>
void check(float scale, T zero) {
  std::vector<float> x = random_floats(40000, -400 * scale, 400 * scale, 5);
  for (float i = -70000; i < 70000; i += sizeof(T) == 1 && std::fabs(i) > 300 ? 1000 : 1)
    x.push_back((i + 0.5f) * scale);
  const float inf = std::numeric_limits<float>::infinity();
  for (float v : {inf, -inf, std::numeric_limits<float>::quiet_NaN(), 1e30f, -0.f}) x.push_back(v);
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::vector<T> q(x.size());
    std::vector<float> y(x.size()), faked = x;
    quantize(pool, x.data(), scale, zero, q.data(), x.size());
    dequantize(pool, q.data(), scale, zero, y.data(), x.size());
    fake_quantize(pool, faked.data(), scale, zero, faked.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(q[i], expected(x[i], scale, zero)) << x[i];
      const double exact =
          (static_cast<double>(q[i]) - static_cast<double>(zero)) * static_cast<double>(scale);
      ASSERT_EQ(y[i], static_cast<float>(exact)) << x[i];
      ASSERT_EQ(faked[i], y[i]) << x[i];
    }
  }
}

TEST(Quantize, IsExactForEveryType) {
  for (float scale : {1.f, 0.05f, 3.7f, 0.f}) {
    check<int8_t>(scale, 0);
    check<int8_t>(scale, -7);
    check<uint8_t>(scale, 0);
    check<uint8_t>(scale, 128);
    check<int16_t>(scale, -32768);
    check<uint16_t>(scale, 65535);
  }
}

}  // namespace
}  // namespace dunlin
