#include "learn/data/open.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/data/array.h"
#include "learn/data/idx.h"
#include "learn/data/image.h"
#include "learn/partition.h"
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

std::vector<float> floats(const Tensor& t) {
  const Tensor f = t.to_float();
  return {f.values<float>().begin(), f.values<float>().end()};
}

TEST(Open, ClassFolders) {
  const TempFolder dir;
  dir.write("d/cat/b.png", bytes(kPngGray8));
  dir.write("d/cat/a.JPG", bytes(kJpegRgb));
  dir.write("d/cat/notes.txt", "x");
  dir.write("d/ant/1.png", bytes(kPngRgb8));
  dir.write("d/empty/readme", "x");
  const DataParts parts = open_data(dir / "d");
  ASSERT_EQ(parts.train->size(), 3u);
  EXPECT_EQ(parts.test, nullptr);
  EXPECT_THAT(parts.train->class_names(), ElementsAre("ant", "cat"));
  EXPECT_EQ(parts.train->class_of(0), 0);
  EXPECT_EQ(parts.train->class_of(2), 1);
  EXPECT_THAT(parts.train->where(1), HasSubstr("d/cat/a.JPG"));
  EXPECT_EQ(parts.train->example(1).input.shape(), (Shape{8, 16, 3}));
  EXPECT_TRUE(parts.train->example(2).is_image);
}

TEST(Open, ClassFoldersWithParts) {
  const TempFolder dir;
  dir.write("d/train/cat/1.png", bytes(kPngGray8));
  dir.write("d/train/ant/1.png", bytes(kPngGray8));
  dir.write("d/val/cat/1.png", bytes(kPngGray8));
  const DataParts parts = open_data(dir / "d");
  EXPECT_EQ(parts.train->size(), 2u);
  ASSERT_NE(parts.test, nullptr);
  EXPECT_THAT(parts.test->class_names(), ElementsAre("cat"));
}

TEST(Open, ADamagedImageIsNamed) {
  const TempFolder dir;
  dir.write("d/cat/1.png", bytes(kPngGray8).first(40));
  EXPECT_THAT(error_of([&] { open_data(dir / "d").train->example(0); }),
              HasSubstr("d/cat/1.png: not a sound PNG"));
}

TEST(Open, Table) {
  const TempFolder dir;
  const std::string path = dir.write("t.csv", "a,y,who,b\n1,red,p1,2.5\n-3e1,blue,p2, 4\n0,red,p1,0\n");
  const DatasetPtr data = open_data(path + "#label=y&group=who").train;
  ASSERT_EQ(data->size(), 3u);
  EXPECT_THAT(data->class_names(), ElementsAre("blue", "red"));
  EXPECT_EQ(data->class_of(0), 1);
  EXPECT_EQ(data->group(2), "p1");
  EXPECT_THAT(floats(data->example(1).input), ElementsAre(-30, 4));
  EXPECT_FALSE(data->example(1).is_image);
}

TEST(Open, Manifest) {
  const TempFolder dir;
  dir.write("d/img/1.png", bytes(kPngGray16));
  dir.write("d/img/2.jpg", bytes(kJpegGray));
  dir.write("d/3.npy", bytes(kNpyChw));
  dir.write("d/t.npy", bytes(kNpyTarget));
  const std::string path = dir.write("d/m.csv",
                                     "group,file,target,note\np1,img/1.png,cat,x\np1,img/2.jpg,0.5 "
                                     "-1,y\np2,3.npy,t.npy,z\n,img/1.png,ant,\n");
  const DatasetPtr data = open_data(path).train;
  ASSERT_EQ(data->size(), 4u);
  EXPECT_EQ(data->class_of(0), 1);
  EXPECT_EQ(data->class_of(1), -1);
  EXPECT_EQ(data->class_of(3), 0);
  EXPECT_EQ(data->group(1), "p1");
  EXPECT_EQ(data->group(3), "");
  EXPECT_EQ(data->example(0).input.format(), &formats::kU16);
  EXPECT_THAT(floats(data->example(1).target), ElementsAre(0.5f, -1));
  EXPECT_THAT(floats(data->example(2).target), ElementsAre(0.25f, -1));
  // [3,2,2] is three planes: an image, turned to H,W,C.
  EXPECT_THAT(floats(data->example(2).input), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
}

TEST(Open, ManifestErrorsNameTheRow) {
  const TempFolder dir;
  dir.write("d/bad.png", "\x89PNG\r\n\x1a\nxx");
  const std::string path = dir.write("d/m.csv", "file,target\nnone.png,1\nbad.png,1\na.wav,1\n");
  const DatasetPtr data = open_data(path).train;
  EXPECT_THAT(error_of([&] { data->example(0); }), HasSubstr("m.csv row 2 (none.png): "));
  EXPECT_THAT(error_of([&] { data->example(1); }), HasSubstr("m.csv row 3 (bad.png): not a sound PNG"));
  EXPECT_THAT(error_of([&] { data->example(2); }),
              HasSubstr("row 4 (a.wav): WAV files are not supported yet"));
  dir.write("d/n.csv", "file,target\na.png,\n");
  EXPECT_THAT(error_of([&] { open_data(dir / "d/n.csv"); }), HasSubstr("n.csv row 2: the target is empty"));
}

TEST(Open, Npz) {
  const TempFolder dir;
  const DataParts xy = open_data(dir.write("a.npz", bytes(kNpzXy)));
  ASSERT_EQ(xy.train->size(), 2u);
  EXPECT_EQ(xy.test, nullptr);
  EXPECT_THAT(xy.train->class_names(), ElementsAre("2", "5"));
  EXPECT_EQ(xy.train->class_of(0), 1);
  EXPECT_EQ(xy.train->group(1), "8");
  const Example image = xy.train->example(1);
  EXPECT_TRUE(image.is_image);
  EXPECT_EQ(image.input.shape(), (Shape{3, 4, 1}));
  EXPECT_EQ(image.input.values<uint8_t>()[0], 12);

  const DataParts parts = open_data(dir.write("b.npz", bytes(kNpzTrainTest)));
  ASSERT_NE(parts.test, nullptr);
  EXPECT_EQ(parts.train->class_of(0), -1);
  EXPECT_THAT(floats(parts.train->example(2).input), ElementsAre(4, 5));
  EXPECT_THAT(floats(parts.train->example(2).target), ElementsAre(2));
  EXPECT_THAT(floats(parts.test->example(0).target), ElementsAre(3));
}

TEST(Open, KeepsTheSamplesAskedFor) {
  const TempFolder dir;
  const std::string classes = dir.write("a.npz", bytes(kNpzXy)),
                    values = dir.write("b.npz", bytes(kNpzTrainTest)),
                    table = dir.write("t.csv", "a,y\n1,red\n2,blue\n3,red\n") + "#label=y";
  const auto keep = [](std::vector<size_t> indices) {
    return DataOptions{.keep = [=](const Dataset&) { return indices; }};
  };
  const DatasetPtr whole = open_data(classes).train, second = open_data(classes, keep({1})).train;
  ASSERT_EQ(second->size(), 1u);
  EXPECT_THAT(second->class_names(), ElementsAre("2", "5"));
  EXPECT_EQ(second->class_of(0), whole->class_of(1));
  EXPECT_EQ(second->group(0), whole->group(1));
  EXPECT_EQ(second->where(0), whole->where(1));
  EXPECT_EQ(floats(second->example(0).input), floats(whole->example(1).input));

  const DataParts parts = open_data(values, keep({0, 2}));
  ASSERT_EQ(parts.train->size(), 2u);
  EXPECT_THAT(floats(parts.train->example(1).input), ElementsAre(4, 5));
  EXPECT_THAT(floats(parts.train->example(1).target), ElementsAre(2));
  EXPECT_EQ(parts.test->size(), 1u) << "the test part is not shared out";

  const DatasetPtr rows = open_data(table, keep({1, 2})).train;
  EXPECT_THAT(floats(rows->example(0).input), ElementsAre(2));
  EXPECT_THROW(open_data(table, keep({3})), Error);
}

TEST(Open, ReadsOnlyThePartThatIsWanted) {
  const TempFolder dir;
  using Wanted = DataOptions::Wanted;
  const std::string both = dir.write("b.npz", bytes(kNpzTrainTest)), one = dir.write("a.npz", bytes(kNpzXy));
  dir.write("d/train/cat/1.png", bytes(kPngGray8));
  dir.write("d/val/cat/1.png", bytes(kPngGray8));
  for (const std::string& d : {both, dir / "d"}) {
    const DataParts train = open_data(d, {.wanted = Wanted::kTrain}),
                    test = open_data(d, {.wanted = Wanted::kTest});
    EXPECT_TRUE(train.train && !train.test) << d;
    EXPECT_TRUE(!test.train && test.test) << d;
  }
  EXPECT_TRUE(open_data(one, {.wanted = Wanted::kTest}).train) << "there is nothing else to test with";
}

TEST(Open, ADamagedNpzIsRefused) {
  const TempFolder dir;
  const auto error = [&](ByteSpan data) {
    const std::string path = dir.write("a.npz", data);
    return error_of([&] { open_data(path); });
  };
  EXPECT_EQ(error(bytes(kNpzXy)), "");
  for (size_t n = 0; n < sizeof kNpzXy; n += 7) EXPECT_NE(error(bytes(kNpzXy).first(n)), "") << n;
  size_t refused = 0;
  for (size_t i = 60; i < 200; ++i) {  // within x's compressed data and the header of the next
    Bytes flipped(bytes(kNpzXy).begin(), bytes(kNpzXy).end());
    flipped[i] ^= std::byte{0x10};
    refused += error(flipped) != "";
  }
  EXPECT_GT(refused, 100u);
  EXPECT_THAT(error(as_bytes("not a zip")), HasSubstr("a.npz: not a readable NPZ file"));
}

TEST(Open, SaysWhatIsExpected) {
  const TempFolder dir;
  dir.write("empty/readme.txt", "x");
  dir.write("t.csv", "a,b\n1,2\n");
  dir.write("x.parquet", "x");
  const auto error = [&](const std::string& d) { return error_of([&] { open_data(dir / d); }); };
  EXPECT_THAT(error("absent"), HasSubstr("absent: there is no such data"));
  EXPECT_THAT(error("empty"), HasSubstr("class folders with PNG or JPEG images are expected"));
  EXPECT_THAT(error("t.csv"), HasSubstr("which column is the label?"));
  EXPECT_THAT(error("t.csv#label=c"), HasSubstr("no column \"c\"; there are a, b"));
  EXPECT_THAT(error("t.csv#lable=a"), HasSubstr("\"lable=a\" after #"));
  EXPECT_THAT(error("x.parquet"), HasSubstr("a folder, a .csv or an .npz"));
  dir.write("t.csv", "a,b\n1,x\n");
  EXPECT_THAT(error("t.csv#label=a"), HasSubstr("t.csv row 2, column \"b\": \"x\" is not a number"));
  dir.write("t.csv", "a,b\n");
  EXPECT_THAT(error("t.csv#label=a"), HasSubstr("the table holds no rows"));
}

TEST(Open, FashionMnistInShares) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!system_files().exists(folder)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const DataParts parts = open_data(folder);
  EXPECT_EQ(parts.train->size(), 60000u);
  EXPECT_EQ(parts.test->size(), 10000u);
  const auto shares = partition(*parts.train, PartitionSpec::parse("dirichlet:0.3:1"), 8);
  size_t sum = 0, largest = 0;
  for (const auto& share : shares) {
    EXPECT_FALSE(share.empty());
    sum += share.size();
    largest = std::max(largest, share.size());
  }
  EXPECT_EQ(sum, 60000u);
  EXPECT_GT(largest, 9000u);  // uneven
  // A share read alone is the same share.
  const PartitionSpec spec = PartitionSpec::parse("dirichlet:0.3:1");
  const DatasetPtr alone = open_data(folder, {.wanted = DataOptions::Wanted::kTrain,
                                              .keep =
                                                  [&](const Dataset& d) {
                                                    return samples_of_share(d, spec, {2, 8});
                                                  }})
                               .train;
  ASSERT_EQ(alone->size(), shares[2].size());
  EXPECT_EQ(alone->class_names(), parts.train->class_names());
  for (size_t i = 0; i < alone->size(); i += 97) {
    EXPECT_EQ(alone->class_of(i), parts.train->class_of(shares[2][i]));
    const Example a = alone->example(i), b = parts.train->example(shares[2][i]);
    ASSERT_TRUE(std::ranges::equal(a.input.values<uint8_t>(), b.input.values<uint8_t>())) << i;
  }
}

TEST(Array, WhatIsAnImage) {
  EXPECT_TRUE(example_of_array(Tensor(&formats::kU8, {4, 5})).is_image);
  EXPECT_FALSE(example_of_array(Tensor(&formats::kF32, {4, 5})).is_image);
  EXPECT_FALSE(example_of_array(Tensor(&formats::kU8, {4})).is_image);
  EXPECT_EQ(example_of_array(Tensor(&formats::kF32, {3, 8, 9})).input.shape(), (Shape{8, 9, 3}));
  EXPECT_EQ(example_of_array(Tensor(&formats::kU8, {8, 9, 4})).input.shape(), (Shape{8, 9, 3}));
  EXPECT_FALSE(example_of_array(Tensor(&formats::kF32, {8, 9, 4})).is_image);
  EXPECT_EQ(example_of_array(Tensor(&formats::kI64, {7})).input.format(), &formats::kF32);
}

}  // namespace
}  // namespace dunlin
