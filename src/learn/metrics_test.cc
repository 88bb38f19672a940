#include "learn/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace dunlin {
namespace {

TEST(Metrics, CountsByHand) {
  Metrics m;
  m.add(Tensor::of<float>({3, 3}, {.9f, .1f, 0, .2f, .3f, .5f, 0, 1, 0}), Tensor::of<int64_t>({3}, {0, 1, 1}),
        0.5);
  m.add(Tensor::of<float>({1, 3}, {1, 0, 0}), Tensor::of<int64_t>({1}, {2}), 1.5);
  EXPECT_EQ(m.samples, 4);
  EXPECT_DOUBLE_EQ(m.accuracy(), 0.5);
  EXPECT_DOUBLE_EQ(m.loss(), 0.75);
  EXPECT_DOUBLE_EQ(m.top5(), 1);
  EXPECT_EQ(m.confusion.at(1, 2), 1);
  EXPECT_EQ(m.confusion.at(1, 1), 1);
  EXPECT_EQ(m.confusion.at(2, 0), 1);
  EXPECT_DOUBLE_EQ(m.confusion.recall(1), 0.5);
  EXPECT_DOUBLE_EQ(m.confusion.precision(0), 0.5);
  EXPECT_TRUE(std::isnan(ConfusionMatrix(2).recall(0)));
}

TEST(Metrics, TopFiveRanksTiesByNumber) {
  Metrics m;
  const Tensor equal = Tensor::of<float>({7, 7}, std::span<const float>(std::vector<float>(49, 1.0f)));
  m.add(equal, Tensor::of<int64_t>({7}, {0, 1, 2, 3, 4, 5, 6}), 0);
  EXPECT_EQ(m.correct, 1);
  EXPECT_EQ(m.correct_top5, 5);
}

TEST(Metrics, NanNeverWins) {
  Metrics m;
  m.add(Tensor::of<float>({1, 2}, {NAN, -5}), Tensor::of<int64_t>({1}, {1}), 0);
  EXPECT_EQ(m.correct, 1);
}

TEST(Metrics, OneOutputIsALogit) {
  Metrics m;
  m.add(Tensor::of<float>({4, 1}, {-2, 3, 1, -1}), Tensor::of<int64_t>({4}, {0, 1, 0, 0}), 0);
  EXPECT_EQ(m.correct, 3);
}

TEST(Metrics, FloatTargetsHaveNoClasses) {
  Metrics m;
  m.add(Tensor::of<float>({2, 2}, {1, 2, 3, 4}), Tensor::of<float>({2, 2}, {1, 2, 3, 4}), 0.25);
  EXPECT_FALSE(m.has_classes);
  EXPECT_EQ(m.samples, 2);
  EXPECT_THROW(m.add(Tensor::of<float>({1, 2}, {1, 2}), Tensor::of<int64_t>({1}, {2}), 0), Error);
}

}  // namespace
}  // namespace dunlin
