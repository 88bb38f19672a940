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
    const Tensor back = encoded(format, {n}, values).to_float();
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_LE(std::fabs(back.values<float>()[i] - values[i]),
                format->max_relative_error * std::fabs(values[i]) + 0x1p-126)
          << format->name << " " << values[i];
  }
}

TEST_P(EveryFormat, EveryCodeOfUpTo16BitsSurvivesDecodeAndEncode) {
  const Format format = GetParam();
  if (!is_plain(format) || element_bytes(format) > 2) GTEST_SKIP() << "wider than 16 bits";
  const int bytes = element_bytes(format);
  const int64_t codes = format->kind == FormatDef::Kind::kBool ? 2 : int64_t{1} << (8 * bytes);
  Tensor t(format, {codes});
  for (int64_t c = 0; c < codes; ++c) std::memcpy(t.plane(Plane::kPayload).data() + c * bytes, &c, bytes);
  Tensor values = t.to_float();
  const auto floats = values.values<float>();
  const Tensor again = encoded(format, {codes}, {floats.begin(), floats.end()});
  for (int64_t c = 0; c < codes; ++c) {
    int64_t code = 0;
    std::memcpy(&code, again.plane(Plane::kPayload).data() + c * bytes, bytes);
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
  const int bits = format->planes[0].bits;
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
