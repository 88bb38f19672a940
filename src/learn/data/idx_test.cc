#include "learn/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "learn/testing/temp_folder.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using dunlin::testing::TempFolder;
using ::testing::HasSubstr;

// Two images of 2x3 and their labels, byte by byte as the format's page describes them.
const std::string kImages(
    "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03"
    "\x00\x01\x02\x03\x04\x05\xff\xfe\xfd\xfc\xfb\xfa",
    28);
const std::string kLabels("\0\0\x08\x01\0\0\0\x02\x07\x03", 10);

std::string gzip(const std::string& data) {
  std::string out(data.size() + 100, '\0');
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

void expect_the_two(const Dataset& data) {
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.class_names(), (std::vector<std::string>{"3", "7"}));
  EXPECT_EQ(data.class_of(0), 1);
  EXPECT_EQ(data.class_of(1), 0);
  const Example s = data.example(1);
  EXPECT_TRUE(s.is_image);
  EXPECT_EQ(s.input.shape(), (Shape{2, 3, 1}));
  EXPECT_THAT(s.input.values<uint8_t>(), ::testing::ElementsAre(255, 254, 253, 252, 251, 250));
}

TEST(Idx, ReadsPlainAndGzipped) {
  const TempFolder dir;
  dir.write("plain/train-images-idx3-ubyte", kImages);
  dir.write("plain/train-labels-idx1-ubyte", kLabels);
  const IdxParts plain = find_idx(system_files(), dir / "plain");
  ASSERT_TRUE(plain.train);
  EXPECT_FALSE(plain.test);
  expect_the_two(*open_idx(system_files(), *plain.train));

  dir.write("gz/t10k-images-idx3-ubyte.gz", gzip(kImages));
  dir.write("gz/t10k-labels-idx1-ubyte.gz", gzip(kLabels));
  const IdxParts gz = find_idx(system_files(), dir / "gz");
  ASSERT_TRUE(gz.test);
  expect_the_two(*open_idx(system_files(), *gz.test));
}

TEST(Idx, KeepsTheSamplesAskedForAndEveryClassName) {
  const TempFolder dir;
  const std::string images = dir.write("i.gz", gzip(kImages)), plain = dir.write("i", kImages),
                    labels = dir.write("l", kLabels);
  const Selection second = [](const Dataset& whole) {
    EXPECT_EQ(whole.size(), 2u);
    EXPECT_EQ(whole.class_of(0), 1);
    return std::vector<size_t>{1};
  };
  for (const std::string& path : {images, plain}) {
    const DatasetPtr data = open_idx(system_files(), {path, labels}, second);
    ASSERT_EQ(data->size(), 1u) << path;
    EXPECT_EQ(data->class_names(), (std::vector<std::string>{"3", "7"}))
        << "a class that is not here keeps its place";
    EXPECT_EQ(data->class_of(0), 0);
    EXPECT_THAT(data->where(0), HasSubstr("image 1"));
    EXPECT_THAT(data->example(0).input.values<uint8_t>(),
                ::testing::ElementsAre(255, 254, 253, 252, 251, 250));
    EXPECT_THROW(data->example(1), Error);
    EXPECT_EQ(open_idx(system_files(), {path, labels}, [](const Dataset&) { return std::vector<size_t>{}; })
                  ->size(),
              0u);
    for (const std::vector<size_t>& wrong : {std::vector<size_t>{2}, {1, 0}, {1, 1}})
      EXPECT_THROW(open_idx(system_files(), {path, labels}, [&](const Dataset&) { return wrong; }), Error);
  }
  // What was not kept is checked all the same.
  std::string damaged = gzip(kImages);
  damaged[damaged.size() - 6] ^= 1;
  EXPECT_THAT(error_of([&] {
                open_idx(system_files(), {dir.write("i.gz", damaged), labels}, second);
              }),
              HasSubstr("not a sound .gz"));
}

TEST(Idx, WritesWhatItReads) {
  const TempFolder dir;
  write_idx(system_files(), dir / "a",
            Tensor::of<uint8_t>({2, 2, 3}, {0, 1, 2, 3, 4, 5, 255, 254, 253, 252, 251, 250}));
  EXPECT_EQ(as_chars(system_files().read(dir / "a")), kImages);
}

TEST(Idx, BadFilesSayWhy) {
  const TempFolder dir;
  const auto open = [&](const std::string& images, const std::string& labels, const char* suffix = "") {
    const IdxPair pair{dir.write(std::string("i") + suffix, images), dir.write("l", labels)};
    return error_of([&] { open_idx(system_files(), pair); });
  };
  std::string bad = kImages;
  EXPECT_EQ(open(kImages, kLabels), "");
  EXPECT_THAT(open(kImages.substr(0, 27), kLabels),
              HasSubstr("/i: IDX: 27 bytes, its header [2,2,3] asks for 28"));
  EXPECT_THAT(open(kImages + "x", kLabels), HasSubstr("29 bytes"));
  EXPECT_THAT(open(kImages.substr(0, 9), kLabels), HasSubstr("truncated within its header"));
  EXPECT_THAT(open("", kLabels), HasSubstr("shorter than a header"));
  bad[2] = 0x09;
  EXPECT_THAT(open(bad, kLabels), HasSubstr("element type 0x09"));
  bad = kImages;
  bad[0] = 'P';
  EXPECT_THAT(open(bad, kLabels), HasSubstr("starts with 50 00"));
  for (size_t i = 4; i < 16; ++i) bad[i] = '\xff';
  bad[0] = 0;
  EXPECT_THAT(open(bad, kLabels), HasSubstr("impossible shape"));
  EXPECT_THAT(open(kImages, std::string("\0\0\x08\x01\0\0\0\x01\x07", 9)),
              HasSubstr("1 labels for the 2 images"));

  const std::string packed = gzip(kImages);
  EXPECT_EQ(open(packed, kLabels, ".gz"), "");
  EXPECT_THAT(open(packed.substr(0, packed.size() - 12), kLabels, ".gz"), HasSubstr("i.gz: truncated"));
  EXPECT_THAT(open(kImages, kLabels, ".gz"), HasSubstr("not a sound .gz"));
  std::string flipped = packed;
  flipped[flipped.size() - 6] ^= 1;  // within the checksum
  EXPECT_THAT(open(flipped, kLabels, ".gz"), HasSubstr("not a sound .gz"));
  std::string bomb = kImages;
  bomb[4] = '\x7f';
  EXPECT_THAT(open(gzip(bomb), kLabels, ".gz"), HasSubstr("cannot hold"));
}

TEST(Idx, ImagesWithoutLabels) {
  const TempFolder dir;
  dir.write("train-images-idx3-ubyte", kImages);
  EXPECT_THAT(error_of([&] { find_idx(system_files(), dir.path()); }),
              HasSubstr("train-labels-idx1-ubyte (or .gz) is missing"));
}

// Debian's dataset-fashion-mnist; the sums were taken with NumPy.
TEST(Idx, FashionMnist) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!system_files().exists(folder)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const IdxParts parts = find_idx(system_files(), folder);
  ASSERT_TRUE(parts.train && parts.test);
  const DatasetPtr test = open_idx(system_files(), *parts.test);
  ASSERT_EQ(test->size(), 10000u);
  EXPECT_EQ(test->class_names().size(), 10u);
  uint64_t sum = 0, labels = 0;
  for (size_t i = 0; i < 100; ++i) {
    labels += static_cast<uint64_t>(test->class_of(i));
    const Example s = test->example(i);
    for (const uint8_t p : s.input.values<uint8_t>()) sum += p;
  }
  EXPECT_EQ(sum, 5854180u);
  EXPECT_EQ(labels, 428u);
}

}  // namespace
}  // namespace dunlin
