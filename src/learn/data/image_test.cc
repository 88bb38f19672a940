#include "learn/data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "learn/testing/fixtures.h"
#include "learn/testing/temp_folder.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using namespace dunlin::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <size_t N>
ByteSpan bytes(const uint8_t (&data)[N]) {
  return std::as_bytes(std::span(data));
}
std::string refusal(ByteSpan data) {
  return error_of([&] { decode_image(data, "f"); });
}

TEST(Png, DecodesWhatPillowWrote) {
  const Tensor gray = decode_image(bytes(kPngGray8), "f");
  EXPECT_EQ(gray.shape(), (Shape{2, 3, 1}));
  EXPECT_THAT(gray.values<uint8_t>(), ElementsAre(0, 100, 255, 1, 2, 3));
  for (const ByteSpan data : {bytes(kPngRgb8), bytes(kPngRgba8)}) {
    const Tensor rgb = decode_image(data, "f");
    EXPECT_EQ(rgb.shape(), (Shape{2, 2, 3}));
    EXPECT_THAT(rgb.values<uint8_t>(), ElementsAre(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7));
  }
  const Tensor deep = decode_image(bytes(kPngGray16), "f");
  EXPECT_EQ(deep.shape(), (Shape{1, 3, 1}));
  EXPECT_THAT(deep.values<uint16_t>(), ElementsAre(0, 258, 65535));
  const Tensor palette = decode_image(bytes(kPngPalette), "f");
  EXPECT_THAT(palette.values<uint8_t>(), ElementsAre(10, 20, 30, 40, 50, 60, 70, 80, 90));
  const Tensor bits = decode_image(bytes(kPngGray1), "f");
  EXPECT_THAT(bits.values<uint8_t>(), ElementsAre(255, 0, 255));
}

TEST(Png, EveryTruncationAndAFlippedBitAreRefused) {
  for (size_t n = 0; n + 12 < sizeof kPngRgb8; ++n) EXPECT_NE(refusal(bytes(kPngRgb8).first(n)), "") << n;
  Bytes flipped(bytes(kPngRgb8).begin(), bytes(kPngRgb8).end());
  flipped[flipped.size() - 20] ^= std::byte{4};
  EXPECT_THAT(refusal(flipped), HasSubstr("f: not a sound PNG: "));
  EXPECT_THAT(refusal(bytes(kPngRgb8).first(40)), HasSubstr("truncated"));
}

TEST(Png, AHugeClaimIsRefused) { EXPECT_THAT(refusal(bytes(kPngHuge)), HasSubstr("1000000 x 1000000")); }

TEST(Png, WritesWhatItReads) {
  const Tensor image = Tensor::of<uint8_t>({1, 2, 3}, {1, 2, 3, 250, 251, 252});
  const Tensor back = decode_image(encode_png(image), "f");
  EXPECT_EQ(back.shape(), image.shape());
  EXPECT_TRUE(std::ranges::equal(back.values<uint8_t>(), image.values<uint8_t>()));
}

TEST(Jpeg, DecodesWhatPillowWrote) {
  const Tensor rgb = decode_image(bytes(kJpegRgb), "f");
  ASSERT_EQ(rgb.shape(), (Shape{8, 16, 3}));
  const auto p = rgb.values<uint8_t>();
  EXPECT_THAT(p.first(3), ElementsAre(201, 40, 20));
  EXPECT_THAT(p.last(3), ElementsAre(20, 40, 199));
  EXPECT_EQ(std::accumulate(p.begin(), p.end(), 0), 33280);
  const Tensor gray = decode_image(bytes(kJpegGray), "f");
  EXPECT_EQ(gray.shape(), (Shape{8, 8, 1}));
}

TEST(Jpeg, ObeysItsOrientation) {
  const Tensor turned = decode_image(bytes(kJpegTurned), "f");
  ASSERT_EQ(turned.shape(), (Shape{16, 8, 3}));
  EXPECT_THAT(turned.values<uint8_t>().first(3), ElementsAre(201, 40, 20));
  EXPECT_THAT(turned.values<uint8_t>().last(3), ElementsAre(20, 40, 199));
}

TEST(Jpeg, EveryTruncationIsRefused) {
  for (size_t n = 0; n + 2 < sizeof kJpegRgb; ++n) EXPECT_NE(refusal(bytes(kJpegRgb).first(n)), "") << n;
}

TEST(Jpeg, CmykIsRefused) { EXPECT_THAT(refusal(bytes(kJpegCmyk)), HasSubstr("CMYK")); }

TEST(Image, GoesByContent) {
  EXPECT_THAT(refusal(as_bytes("GIF89a")), HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_THAT(refusal({}), HasSubstr("the file is empty"));
  EXPECT_TRUE(is_image_name("a.b/C.JPeG"));
  EXPECT_FALSE(is_image_name("png"));
}

}  // namespace
}  // namespace dunlin
