// Properties that every format of the catalog must have, and exact checks of the 16-bit ones.
#include "tensor/formats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>

#include "base/bytes.h"
#include "base/random.h"
#include "dunlin/tensor.h"

namespace dunlin {
namespace {

Tensor encoded(Format format, const Shape& shape, std::vector<float> values) {
  Tensor t(format, shape);
  std::vector<std::span<std::byte>> planes;
  for (const PlaneDef& p : format->planes) planes.push_back(t.plane(p.plane));
  format->encode({.shape = t.shape(), .axis = 0, .planes = planes, .values = values});
  return t;
}

class EveryFormat : public testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(Catalog, EveryFormat, testing::ValuesIn(all_formats().begin(), all_formats().end()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST_P(EveryFormat, IsFoundByNameAndOnnxType) {
  EXPECT_EQ(find_format(GetParam()->name), GetParam());
  if (GetParam()->onnx_type != 0) {
    EXPECT_EQ(find_format_by_onnx_type(GetParam()->onnx_type), GetParam());
  }
  EXPECT_FALSE(GetParam()->source.empty());
}

TEST_P(EveryFormat, RoundTripStaysWithinItsBoundForOddLengths) {
  const Format format = GetParam();
  Philox rng(1);
  for (int64_t n : {0, 1, 2, 31, 33, 257}) {
    std::vector<float> values(static_cast<size_t>(n));
    for (float& v : values) {
      // Values the format can hold: floats anywhere, integers whole and small, bools 0 or 1.
      const double x = rng.normal();
      if (format->kind == FormatDef::Kind::kFloat) v = static_cast<float>(x);
      if (format->kind == FormatDef::Kind::kSigned) v = static_cast<float>(std::nearbyint(x * 30));
      if (format->kind == FormatDef::Kind::kUnsigned)
        v = static_cast<float>(std::nearbyint(std::fabs(x) * 30));
      if (format->kind == FormatDef::Kind::kBool) v = x > 0;
    }
    if (format->narrow)  // within their range; their subnormals have no relative bound
      for (float& v : values)
        v = format->file_bits == 4 ? std::fmod(v, format->kind == FormatDef::Kind::kSigned ? 8.f : 6.f)
                                   : std::fmax(std::fabs(v), 0x1p-6f);
    const Tensor back = encoded(format, {n}, values).to_float();
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_LE(std::fabs(back.values<float>()[i] - values[i]),
                format->max_relative_error * std::fabs(values[i]) + (format->file_bits ? 0.25 : 0x1p-126))
          << format->name << " " << values[i];
  }
}

TEST_P(EveryFormat, EveryCodeOfUpTo16BitsSurvivesDecodeAndEncode) {
  const Format format = GetParam();
  if (!is_plain(format) || element_bytes(format) > 2) GTEST_SKIP() << "wider than 16 bits";
  const int bytes = element_bytes(format);
  const int64_t codes = format->kind == FormatDef::Kind::kBool
                            ? 2
                            : int64_t{1} << (format->file_bits ? format->file_bits : 8 * bytes);
  Tensor t(format, {codes});
  for (int64_t c = 0; c < codes; ++c) {
    // Codes of 4 bits lie sign-extended in their byte.
    const int64_t stored = format == &formats::kI4 && c > 7 ? c - 16 : c;
    std::memcpy(t.plane(Plane::kPayload).data() + c * bytes, &stored, bytes);
  }
  Tensor values = t.to_float();
  const auto floats = values.values<float>();
  const Tensor again = encoded(format, {codes}, {floats.begin(), floats.end()});
  for (int64_t c = 0; c < codes; ++c) {
    int64_t code = 0;
    std::memcpy(&code, again.plane(Plane::kPayload).data() + c * bytes, bytes);
    if (format->file_bits) code &= (1 << format->file_bits) - 1;
    if (std::isnan(floats[c])) {
      EXPECT_TRUE(std::isnan(again.to_float().values<float>()[c])) << c;
    } else {
      EXPECT_EQ(code, c) << format->name;
    }
  }
}

TEST_P(EveryFormat, IntegersSaturateAndTakeNanAsZero) {
  const Format format = GetParam();
  if (format->kind != FormatDef::Kind::kSigned && format->kind != FormatDef::Kind::kUnsigned) GTEST_SKIP();
  const Tensor t = encoded(format, {5}, {NAN, 1e30f, -1e30f, INFINITY, 2.5f}).to_float();
  const auto v = t.values<float>();
  const int bits = format->file_bits ? format->file_bits : format->planes[0].bits;
  const bool is_signed = format->kind == FormatDef::Kind::kSigned;
  EXPECT_EQ(v[0], 0);
  EXPECT_EQ(v[1], static_cast<float>(std::ldexp(1.0, bits - is_signed) - 1));
  EXPECT_EQ(v[2], is_signed ? -static_cast<float>(std::ldexp(1.0, bits - 1)) : 0);
  EXPECT_EQ(v[3], v[1]);
  EXPECT_EQ(v[4], 2);  // ties to even
}

// Nearest-even against exact arithmetic: at every value, midpoint and neighbour of a midpoint.
template <typename T>
void check_rounding(int finite_codes) {
  for (int c = 0; c + 1 < finite_codes; ++c) {
    T low, high;
    low.bits = static_cast<uint16_t>(c);
    high.bits = static_cast<uint16_t>(c + 1);
    const double a = static_cast<float>(low), b = static_cast<float>(high);
    const float middle = static_cast<float>((a + b) / 2);  // exact: one more bit than the format has
    EXPECT_EQ(T(static_cast<float>(a)).bits, c);
    EXPECT_EQ(T(middle).bits, c % 2 == 0 ? c : c + 1) << c;
    EXPECT_EQ(T(std::nextafter(middle, 0.f)).bits, c) << c;
    EXPECT_EQ(T(std::nextafter(middle, INFINITY)).bits, c + 1) << c;
    EXPECT_EQ(T(-middle).bits, (c % 2 == 0 ? c : c + 1) | 0x8000);
  }
}
TEST(Half, RoundsToNearestEven) {
  check_rounding<Half>(0x7c00);
  EXPECT_EQ(Half(65519.996f).bits, 0x7bff);
  EXPECT_EQ(Half(65520.f).bits, 0x7c00);
  EXPECT_TRUE(std::isnan(static_cast<float>(Half(NAN))));
}
TEST(BFloat16, RoundsToNearestEven) {
  check_rounding<BFloat16>(0x7f80);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(0x7f800001u)))));
}

// The narrow floats against their tables: every code's value is found by exact arithmetic, and every float at a value,
// at a midpoint and beside one must go where the list of values says.
struct Narrow {
  Format format;
  double largest, smallest;  // of the standards' tables
  int finite;                // codes from 0 up
};
class NarrowFloats : public testing::TestWithParam<Narrow> {};
INSTANTIATE_TEST_SUITE_P(Formats, NarrowFloats,
                         testing::Values(Narrow{&formats::kF8E4M3FN, 448, 0x1p-9, 0x7f},
                                         Narrow{&formats::kF8E4M3FNUZ, 240, 0x1p-10, 0x80},
                                         Narrow{&formats::kF8E5M2, 57344, 0x1p-16, 0x7c},
                                         Narrow{&formats::kF8E5M2FNUZ, 57344, 0x1p-17, 0x80},
                                         Narrow{&formats::kF4E2M1, 6, 0.5, 8}),
                         [](const auto& info) { return std::string(info.param.format->name); });

TEST_P(NarrowFloats, RoundToNearestEvenAtEveryMidpoint) {
  const auto& [format, largest, smallest, finite] = GetParam();
  const NarrowCodec& codec = *format->narrow;
  const auto encode = [&](double x) { return codec.encode(x, true, Rounding::kNearest); };
  EXPECT_EQ(codec.decode(0), 0);
  EXPECT_EQ(codec.decode(1), smallest);
  EXPECT_EQ(codec.decode(static_cast<uint8_t>(finite - 1)), largest);
  for (int c = 0; c + 1 < finite; ++c) {
    const double a = codec.decode(static_cast<uint8_t>(c)), b = codec.decode(static_cast<uint8_t>(c + 1));
    ASSERT_LT(a, b);
    const double middle = (a + b) / 2;
    EXPECT_EQ(encode(a), c);
    EXPECT_EQ(encode(middle), c % 2 == 0 ? c : c + 1) << c;
    EXPECT_EQ(encode(std::nextafter(middle, 0.0)), c) << c;
    EXPECT_EQ(encode(std::nextafter(middle, INFINITY)), c + 1) << c;
    EXPECT_EQ(codec.decode(encode(-b)), -b);
  }
}

TEST_P(NarrowFloats, WhatIsTooLargeGoesWhereCastSays) {
  const auto& [format, largest, smallest, finite] = GetParam();
  const auto value = [format = format](double x, bool saturate) {
    return format->narrow->decode(format->narrow->encode(x, saturate, Rounding::kNearest));
  };
  // Half a unit beyond the largest still rounds to it.
  const double below = format->narrow->decode(static_cast<uint8_t>(finite - 2));
  EXPECT_EQ(value(largest + 0.49 * (largest - below), false), largest);
  const double beyond = largest + 0.51 * (largest - below);
  EXPECT_EQ(value(beyond, true), largest);
  EXPECT_EQ(value(-beyond, true), -largest);
  if (format == &formats::kF4E2M1) {
    EXPECT_EQ(value(beyond, false), 6);
    EXPECT_EQ(value(NAN, true), 6);
    return;
  }
  EXPECT_TRUE(std::isnan(value(NAN, true)));
  EXPECT_EQ(value(INFINITY, true), largest);
  if (format == &formats::kF8E5M2) {
    EXPECT_EQ(value(beyond, false), INFINITY);
    EXPECT_EQ(value(-INFINITY, false), -INFINITY);
  } else {
    EXPECT_TRUE(std::isnan(value(beyond, false)));
    EXPECT_TRUE(std::isnan(value(INFINITY, false)));
  }
  if (format->name.ends_with("fnuz")) {
    EXPECT_EQ(format->narrow->encode(-0.0, true, Rounding::kNearest), 0);
    EXPECT_EQ(format->narrow->encode(-smallest / 4, true, Rounding::kNearest), 0);
  } else {
    EXPECT_TRUE(std::signbit(value(-0.0, true)));
  }
}

TEST(F8E8M0, RoundsAsAsked) {
  const NarrowCodec& codec = *formats::kF8E8M0.narrow;
  const auto up = [&](double x) { return codec.decode(codec.encode(x, true, Rounding::kUp)); };
  const auto down = [&](double x) { return codec.decode(codec.encode(x, true, Rounding::kDown)); };
  const auto nearest = [&](double x) { return codec.decode(codec.encode(x, true, Rounding::kNearest)); };
  for (int e = -127; e < 127; ++e) {
    const double x = std::ldexp(1.0, e);
    EXPECT_EQ(up(x), x);
    EXPECT_EQ(down(x), x);
    EXPECT_EQ(up(std::nextafter(x, INFINITY)), 2 * x);
    EXPECT_EQ(down(std::nextafter(2 * x, 0.0)), x);
    EXPECT_EQ(nearest(std::nextafter(1.5 * x, 0.0)), x);
    EXPECT_EQ(nearest(1.5 * x), 2 * x);
    EXPECT_EQ(up(-x), x);
  }
  EXPECT_EQ(up(0x1.8p127), 0x1p127);
  EXPECT_EQ(up(0), 0x1p-127);
  EXPECT_EQ(up(0x1p-130), 0x1p-127);
  EXPECT_EQ(up(INFINITY), 0x1p127);
  for (double x : {0.0, 0x1p-130, 0x1.8p127, static_cast<double>(INFINITY)})
    EXPECT_TRUE(std::isnan(codec.decode(codec.encode(x, false, Rounding::kNearest)))) << x;
}

TEST(Formats, GoldenBytes) {
  const std::vector<std::pair<const char*, const char*>> golden = {
      {"f32", "0000c03f000000c0"}, {"f16", "003e00c0"}, {"bf16", "c03f00c0"}, {"i8", "02fe"},
      {"i16", "0200feff"},         {"bool", "0101"},    {"u8", "0200"},
  };
  for (auto [name, hex] : golden)
    EXPECT_EQ(to_hex(encoded(find_format(name), {2}, {1.5f, -2.f}).plane(Plane::kPayload)), hex) << name;
}

TEST(Formats, PlaneBytesOfBlocksAndPackedCodes) {
  const PlaneDef nibbles{Plane::kPayload, 4, Per::element()}, scales{Plane::kScale, 32, Per::blocks_of(32)};
  EXPECT_EQ(plane_bytes(nibbles, {3, 33}, 1), 50u);
  EXPECT_EQ(plane_bytes(scales, {3, 33}, 1), 3u * 2 * 4);
  EXPECT_EQ(plane_bytes({Plane::kScale, 16, Per::axis()}, {3, 33}, 0), 6u);
  EXPECT_EQ(plane_bytes({Plane::kScale, 32, Per::tensor()}, {3, 33}, 0), 4u);
}

}  // namespace
}  // namespace dunlin
