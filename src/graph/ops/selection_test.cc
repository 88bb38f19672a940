// Unique and TfIdfVectorizer: the standard's examples, and what it does not show.
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
  EXPECT_THAT(error("pool_strings='a'"), HasSubstr("n-grams of strings are not supported"));
  EXPECT_THAT(error(kPool + rest + "ngram_indexes=[0,1,2,3]", "f32[3]"), HasSubstr("X is f32"));
}

}  // namespace
}  // namespace dunlin
