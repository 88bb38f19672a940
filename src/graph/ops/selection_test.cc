// Unique, TfIdfVectorizer, Multinomial and LpNormalization: the standard's examples, and what it does not show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Unique, SlicesOfAnAxis) {
  const auto y = run_op("Unique", "axis=1", "f32[2,4,2]{1,1,0,1,2,1,0,1,1,1,0,1,2,1,0,1}", 11, 4);
  EXPECT_EQ(to_string(y[0].shape()), "[2,3,2]");
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1));
  EXPECT_THAT(numbers_of(y[1]), ElementsAre(1, 0, 2));
  EXPECT_THAT(numbers_of(y[2]), ElementsAre(1, 0, 2, 0));
  EXPECT_THAT(numbers_of(y[3]), ElementsAre(2, 1, 1));
}

TEST(Unique, NoNumbersAreEqualAndLast) {
  const auto y = run_op("Unique", "", "f32{nan,2,nan,-inf,inf}", 21, 4);
  EXPECT_THAT(numbers_of(y[1]), ElementsAre(3, 1, 4, 0));
  EXPECT_THAT(numbers_of(y[3]), ElementsAre(1, 1, 1, 2));
  EXPECT_THAT(
      numbers_of(run_op("Unique", "sorted=0", "i64{9223372036854775807,1,9223372036854775807}", 21, 3)[2]),
      ElementsAre(0, 1, 0));
  EXPECT_THAT(error_of("Unique", "axis=2", "f32[2,2]"), HasSubstr("axis 2 is outside"));
}

const std::string kPool = "min_gram_length=1 max_gram_length=2 ngram_counts=[0,2] pool_int64s=[2,3,5,4,5,6] ";

TEST(TfIdfVectorizer, ModesWeightsAndGaps) {
  const std::string grams = kPool + "ngram_indexes=[0,1,3,2] weights=[0.5,2.0,4.0,8.0] max_skip_count=1 ";
  const std::string x = "i64{2,5,9,4,2,5,4}";
  // 2 twice, 3 never; (5, 4) next to each other and with one between; (5, 6) never.
  EXPECT_THAT(numbers_of(run_op("TfIdfVectorizer", grams + "mode='TF'", x)[0]), ElementsAre(2, 0, 0, 2));
  EXPECT_THAT(numbers_of(run_op("TfIdfVectorizer", grams + "mode='IDF'", x)[0]), ElementsAre(0.5, 0, 0, 4));
  EXPECT_THAT(numbers_of(run_op("TfIdfVectorizer", grams + "mode='TFIDF'", x)[0]), ElementsAre(1, 0, 0, 8));
  EXPECT_THAT(numbers_of(run_op(
                  "TfIdfVectorizer",
                  kPool + "ngram_indexes=[0,1,3,2] max_skip_count=4611686018427387904 mode='TF'", x)[0]),
              ElementsAre(2, 0, 0, 3));
}

TEST(TfIdfVectorizer, LongRowsAndLongGramsTakeNoMoreThanTheyHold) {
  // Lengths that the pool has no n-grams of, up to longer ones than the row.
  std::string counts = "0,1";
  for (int n = 3; n <= 3000; ++n) counts += ",5";
  const std::string grams =
      "min_gram_length=1 max_gram_length=3000 max_skip_count=4611686018427387904 mode='TF' "
      "ngram_counts=[" +
      counts + "] ";
  EXPECT_THAT(numbers_of(run_op("TfIdfVectorizer", grams + "ngram_indexes=[0,1,2] pool_int64s=[7,7,7,7,8]",
                                "i64[2000]@7..8")[0]),
              ElementsAre(2000, 2000. * 1999 / 2, 0));
  EXPECT_THAT(error_of("TfIdfVectorizer", grams + "ngram_indexes=[0,1,2] pool_int64s=[7,7,7,7,8]",
                       "i64[300000]@7..8"),
              HasSubstr("at most 2^34 are supported"));
}

TEST(TfIdfVectorizer, WhatDoesNotFitIsNamed) {
  const auto error = [](const std::string& attributes, std::string_view x = "i64{1,2}") {
    return error_of("TfIdfVectorizer", attributes, x);
  };
  const std::string rest = "max_skip_count=0 mode='TF' ";
  EXPECT_THAT(error(kPool + rest + "ngram_indexes=[0,1]"),
              HasSubstr("the pool has 4 n-grams, ngram_indexes 2"));
  EXPECT_THAT(error(kPool + rest + "ngram_indexes=[0,1,2,-3]"), HasSubstr("ngram_indexes holds -3"));
  EXPECT_THAT(error(kPool + rest + "ngram_indexes=[0,1,2,4611686018427387904]"),
              HasSubstr("ngram_indexes holds"));
  EXPECT_THAT(error(kPool + "max_skip_count=-1 mode='TF' ngram_indexes=[0,1,2,3]"),
              HasSubstr("max_skip_count is -1"));
  EXPECT_THAT(error(kPool + "max_skip_count=0 mode='F' ngram_indexes=[0,1,2,3]"), HasSubstr("mode is \"F\""));
  EXPECT_THAT(
      error("min_gram_length=1 max_gram_length=3 ngram_counts=[0,2] pool_int64s=[1,2] ngram_indexes=[0] " +
            rest),
      HasSubstr("n-grams of 1 to 3"));
  EXPECT_THAT(
      error("min_gram_length=1 max_gram_length=2 ngram_counts=[0,1] pool_int64s=[1,2] ngram_indexes=[0] " +
            rest),
      HasSubstr("puts n-grams of 2 at 1 to 2"));
  EXPECT_THAT(
      error("min_gram_length=1 max_gram_length=2 ngram_counts=[0,9] pool_int64s=[1,2] ngram_indexes=[0] " +
            rest),
      HasSubstr("puts n-grams of 1 at 0 to 9"));
  EXPECT_THAT(error(kPool + rest + "ngram_indexes=[0,1,2,3] pool_strings=['a','b']"),
              HasSubstr("has both pool_int64s and pool_strings"));
  EXPECT_THAT(error(kPool + rest + "ngram_indexes=[0,1,2,3]", "f32[3]"), HasSubstr("X is f32"));
}

// 40000 draws: each share within six standard errors of its probability.
TEST(Multinomial, DrawsEachClassAsOftenAsItsProbability) {
  const auto y =
      numbers_of(run_op("Multinomial", "sample_size=40000", "f64[2,3]{0,1.0986122886681098,-inf,5,5,5}")[0]);
  const double want[2][3] = {{0.25, 0.75, 0}, {1. / 3, 1. / 3, 1. / 3}};
  for (size_t row = 0; row < 2; ++row) {
    double share[3] = {};
    for (size_t i = 0; i < 40000; ++i) share[static_cast<size_t>(y[row * 40000 + i])] += 1. / 40000;
    for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(share[k], want[row][k], 6 * 0.5 / 200) << row << k;
    EXPECT_TRUE(row == 1 || share[2] == 0);
  }
  EXPECT_THAT(error_of("Multinomial", "sample_size=-1", "f32[1,2]"), HasSubstr("sample_size is -1"));
  EXPECT_THAT(error_of("Multinomial", "dtype=1", "f32[1,2]"), HasSubstr("dtype is f32"));
  EXPECT_THAT(error_of("Multinomial", "", "f32[1,0]"), HasSubstr("[batch, classes]"));
}

TEST(LpNormalization, KnownValues) {
  EXPECT_THAT(numbers_of(run_op("LpNormalization", "", "f64[2,2]{3,-4,0,0}")[0]),
              ElementsAre(0.6, -0.8, 0, 0));
  EXPECT_THAT(numbers_of(run_op("LpNormalization", "p=1 axis=0", "f64[2,2]{3,-4,1,0}")[0]),
              ElementsAre(0.75, -1, 0.25, 0));
  EXPECT_THAT(error_of("LpNormalization", "p=3", "f32[2]"), HasSubstr("p is 3"));
  EXPECT_THAT(error_of("LpNormalization", "axis=1", "f32[2]"), HasSubstr("axis 1 is outside"));
}

// What has no elements takes no time, however large its other axes are; the test's time limit holds it.
TEST(EmptyTensors, TakeNoTime) {
  for (const auto& [op, attributes, inputs] :
       std::initializer_list<std::tuple<const char*, const char*, const char*>>{
           {"NonMaxSuppression", "", "f32[1099511627776,0,4] f32[1099511627776,0,0]"},
           {"MatMul", "", "f32[1099511627776,0] f32[0,0]"},
           {"MatMulInteger", "", "u8[1099511627776,0] u8[0,0]"},
           {"Conv", "", "f32[1099511627776,0,1] f32[0,0,1]"},
           {"ConvInteger", "", "u8[1099511627776,0,1] u8[0,0,1]"},
           {"DFT", "", "f32[0,5,1] i64[]{1099511627776}"},
           {"STFT", "", "f32[0,1099511627776,1] i64[]{1}"},
           {"GridSample", "", "f32[1099511627776,0,1,1] f32[1099511627776,0,0,2]"},
           {"AffineGrid", "", "f32[0,2,3] i64{0,1,1048576,1048576}"},
           {"LpNormalization", "", "f32[1099511627776,0]"},
           {"TfIdfVectorizer",
            "mode='TF' min_gram_length=1 max_gram_length=1 max_skip_count=0 ngram_counts=[0] "
            "ngram_indexes=[] pool_int64s=[]",
            "i64[1099511627776,0]"}})
    EXPECT_EQ(error_of(op, attributes, inputs), "") << op;
  EXPECT_THAT(error_of("Unique", "axis=1", "f32[0,1099511627776]"), HasSubstr("its slices are empty"));
}

TEST(LpNormalization, InfersFromSizesThatAreNotKnown) {
  const SampleCase s = make_sample(*find_op("", "LpNormalization", 1), {"axis=1", "f32[2,2,2]"}, 1);
  const Type types[] = {{.format = &formats::kF32, .shape = Shape{-2, kUnknownDim, kUnknownDim}}};
  const Tensor* const constants[] = {nullptr};
  Graph g = s.graph;
  g.symbols = {"N"};
  EXPECT_EQ(infer_node(g, g.nodes[0], types, constants)[0], types[0]);
  EXPECT_THAT(error_of("LpNormalization", "", "i32[2,2]"),
              HasSubstr("LpNormalization \"sample\": input 0 is i32, floating point is supported"));
}

}  // namespace
}  // namespace dunlin
