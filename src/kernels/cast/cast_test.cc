#include "kernels/cast/cast.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

/// What a 16-bit float stands for, from the definition of its fields.
double value_of(uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1),
            mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

struct Format {
  const char* name;
  int exponent_bits;
  void (*narrow)(ThreadPool&, Isa, const float*, uint16_t*, size_t);
  void (*widen)(ThreadPool&, Isa, const uint16_t*, float*, size_t);
};
const Format kFormats[] = {{"half", 5, float_to_half, half_to_float},
                           {"bfloat16", 8, float_to_bfloat16, bfloat16_to_float}};

TEST(Cast, EveryCodeWidensExactlyAndComesBack) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const Format& format : kFormats) {
      std::vector<uint16_t> codes(65536 + 5), back(codes.size());
      for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint16_t>(i);
      std::vector<float> wide(codes.size());
      format.widen(pool, isa, codes.data(), wide.data(), codes.size());
      format.narrow(pool, isa, wide.data(), back.data(), codes.size());
      for (size_t i = 0; i < codes.size(); ++i) {
        const double expected = value_of(codes[i], format.exponent_bits);
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(wide[i]) && std::isnan(value_of(back[i], format.exponent_bits)))
              << format.name << i;
        } else {
          ASSERT_EQ(wide[i], expected) << format.name << " code " << i;
          ASSERT_EQ(std::signbit(wide[i]), std::signbit(expected)) << format.name << " code " << i;
          ASSERT_EQ(back[i], codes[i]) << format.name;
        }
      }
    }
  });
}

TEST(Cast, RoundsToNearestEven) {  // the middle between neighbouring codes, and one float to each side of it
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const Format& format : kFormats) {
      std::vector<float> x;
      std::vector<uint16_t> expected;
      const uint16_t infinity = format.exponent_bits == 5 ? 0x7c00 : 0x7f80;
      for (uint16_t code = 0; code < infinity; ++code) {
        const double low = value_of(code, format.exponent_bits);
        // One step beyond the largest finite code lies where the next would be.
        const double next = code + 1 == infinity ? low + (low - value_of(code - 1, format.exponent_bits))
                                                 : value_of(code + 1, format.exponent_bits);
        const auto middle = static_cast<float>((low + next) / 2);
        if (static_cast<double>(middle) != (low + next) / 2) continue;  // not a float: bfloat16's subnormals
        const auto up = static_cast<uint16_t>(code + 1), even = code % 2 == 0 ? code : up;
        x.insert(x.end(), {middle, std::nextafterf(middle, 0), std::nextafterf(middle, INFINITY), -middle});
        expected.insert(expected.end(), {even, code, up, static_cast<uint16_t>(even | 0x8000)});
      }
      ASSERT_GT(x.size(), 100000u);
      std::vector<uint16_t> y(x.size());
      format.narrow(pool, isa, x.data(), y.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], expected[i]) << format.name << " of " << x[i];
      for (size_t n : {1, 3, 17}) {  // the one-by-one code of tails
        for (size_t i = 0; i + n <= 4000; i += n) {
          std::vector<uint16_t> tail(n);
          format.narrow(pool, isa, &x[i], tail.data(), n);
          for (size_t k = 0; k < n; ++k)
            ASSERT_EQ(tail[k], expected[i + k]) << format.name << " of " << x[i + k];
        }
      }
    }
  });
}

TEST(Cast, NanBitsAreTheSameOnEveryIsa) {
  ThreadPool pool(1);
  std::vector<float> x;
  for (uint32_t payload : {1u, 0x2000u, 0x400000u, 0x7fffffu, 0x3fffffu}) {
    for (uint32_t sign : {0u, 0x80000000u}) x.push_back(std::bit_cast<float>(sign | 0x7f800000u | payload));
  }
  x.insert(x.end(), x.begin(), x.end());
  for (const Format& format : kFormats) {
    std::vector<uint16_t> scalar(x.size());
    format.narrow(pool, Isa::kScalar, x.data(), scalar.data(), x.size());
    for (Isa isa : available_isas()) {
      std::vector<uint16_t> y(x.size());
      format.narrow(pool, isa, x.data(), y.data(), x.size());
      EXPECT_EQ(y, scalar) << format.name << " on " << to_string(isa);
      for (uint16_t code : y) EXPECT_TRUE(std::isnan(value_of(code, format.exponent_bits)));
    }
  }
}

}  // namespace
}  // namespace dunlin
