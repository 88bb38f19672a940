#include "learn/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "learn/testing/memory_dataset.h"
#include "learn/testing/temp_folder.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using dunlin::testing::MemoryDataset;

/// `count` samples of `classes` classes; groups of `group_size` when it is above 1.
DatasetPtr make_data(size_t count, int classes, size_t group_size = 1) {
  std::vector<MemoryDataset::Row> rows(count);
  std::vector<std::string> names;
  for (int c = 0; c < classes; ++c) names.push_back("class" + std::to_string(c));
  for (size_t i = 0; i < count; ++i)
    rows[i] = {{0},
               static_cast<int>(i % static_cast<size_t>(classes)),
               group_size > 1 ? "g" + std::to_string(i / group_size) : "",
               {}};
  return std::make_shared<MemoryDataset>(std::move(rows), std::move(names));
}

void expect_exactly_once(const std::vector<std::vector<size_t>>& shares, size_t count) {
  std::vector<size_t> all;
  for (const auto& share : shares) all.insert(all.end(), share.begin(), share.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), count);
  for (size_t i = 0; i < count; ++i) ASSERT_EQ(all[i], i);
}

TEST(Partition, EverySampleIsOnExactlyOneShare) {
  for (const char* spec : {"uniform:1", "dirichlet:0.3:1", "dirichlet:100:2", "dirichlet:0.001:3"})
    for (const size_t count : {0, 1, 7, 1000})
      for (const size_t shares : {1, 3, 8})
        for (const size_t group : {1, 4})
          expect_exactly_once(partition(*make_data(count, 5, group), PartitionSpec::parse(spec), shares),
                              count);
}

TEST(Partition, UniformIsEven) {
  for (const auto& share : partition(*make_data(1003, 10), PartitionSpec::parse("uniform:5"), 4))
    EXPECT_NEAR(static_cast<double>(share.size()), 1003.0 / 4, 1);
}

// A share's fraction of one class has mean 1/N and variance (1/N)(1-1/N)/(N alpha + 1) under Dir(alpha).
TEST(Partition, DirichletHasItsVariance) {
  const DatasetPtr data = make_data(20000, 2);
  for (const double alpha : {0.3, 2.0, 50.0}) {
    double sum = 0, squares = 0, n = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
      const auto shares = partition(*data, {alpha, seed}, 4);
      for (const auto& share : shares) {
        const auto of_class =
            std::count_if(share.begin(), share.end(), [&](size_t i) { return data->class_of(i) == 0; });
        const double f = static_cast<double>(of_class) / 10000;
        sum += f, squares += f * f, n += 1;
      }
    }
    const double mean = sum / n, variance = squares / n - mean * mean,
                 expected = 0.25 * 0.75 / (4 * alpha + 1);
    EXPECT_NEAR(mean, 0.25, 1e-9) << alpha;
    EXPECT_NEAR(variance / expected, 1, 0.25) << alpha;
  }
}

TEST(Partition, TheSameForTheSameSeedOnly) {
  const DatasetPtr data = make_data(40, 4);
  const auto a = partition(*data, {0.5, 7}, 3), b = partition(*data, {0.5, 7}, 3),
             c = partition(*data, {0.5, 8}, 3);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(Partition, GroupsStayTogether) {
  const DatasetPtr data = make_data(600, 7, 5);
  for (const char* spec : {"uniform:1", "dirichlet:0.3:1"}) {
    std::map<std::string, size_t> share_of;
    const auto shares = partition(*data, PartitionSpec::parse(spec), 6);
    for (size_t s = 0; s < shares.size(); ++s)
      for (const size_t i : shares[s])
        EXPECT_EQ(share_of.emplace(std::string(data->group(i)), s).first->second, s);
    EXPECT_EQ(share_of.size(), 120u);
  }
}

TEST(Partition, DrawsAgainRatherThanLeaveAShareEmpty) {
  const DatasetPtr data = make_data(500, 10);
  for (uint64_t seed = 0; seed < 50; ++seed)
    for (const auto& share : partition(*data, {0.1, seed}, 8)) EXPECT_FALSE(share.empty()) << seed;
}

TEST(Partition, AnEmptyShareIsRefused) {
  int refused = 0;
  for (size_t i = 0; i < 5; ++i) {
    const std::string error = error_of([&] { take_share(make_data(2, 2), {0.3, 1}, {i, 5}); });
    refused += error.find("is empty") != std::string::npos;
  }
  EXPECT_GE(refused, 3);  // two samples, five shares
  EXPECT_EQ(take_share(make_data(100, 2), {std::nullopt, 1}, {0, 4})->size(), 25u);
}

TEST(Partition, Parses) {
  EXPECT_EQ(PartitionSpec::parse("dirichlet:0.3:42").alpha, 0.3);
  EXPECT_EQ(PartitionSpec::parse("dirichlet:0.3:42").seed, 42u);
  EXPECT_EQ(PartitionSpec::parse("uniform:9").seed, 9u);
  EXPECT_FALSE(PartitionSpec::parse("uniform").alpha);
  for (const char* bad :
       {"", "uniform:x", "dirichlet", "dirichlet:0", "dirichlet:-1:2", "dirichlet:nan", "iid", "uniform:1:2"})
    EXPECT_THROW(PartitionSpec::parse(bad), Error) << bad;
  EXPECT_EQ(DataShare::parse("8/8").index, 7u);
  for (const char* bad : {"", "1", "0/8", "9/8", "a/b", "1/8/2", "/8"})
    EXPECT_THROW(DataShare::parse(bad), Error) << bad;
}

TEST(Split, HoldsOutAboutTheFraction) {
  const DatasetPtr data = make_data(1000, 10);
  const HeldOutSplit s = split_held_out(data, 0.2, 1);
  EXPECT_NEAR(static_cast<double>(s.held_out->size()), 200, 1);
  EXPECT_EQ(s.held_out->size() + s.train->size(), 1000u);
  EXPECT_EQ(split_held_out(data, 0, 1).held_out->size(), 0u);
  EXPECT_EQ(split_held_out(data, 1, 1).train->size(), 0u);
  EXPECT_THROW(split_held_out(data, 1.5, 1), Error);
  EXPECT_THROW(split_held_out(data, std::nan(""), 1), Error);
}

TEST(Split, AGroupIsNeverOnBothSides) {
  const DatasetPtr data = make_data(500, 3, 7);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const HeldOutSplit s = split_held_out(data, 0.3, seed);
    std::set<std::string_view> train, held_out, both;
    for (size_t i = 0; i < s.train->size(); ++i) train.insert(s.train->group(i));
    for (size_t i = 0; i < s.held_out->size(); ++i) held_out.insert(s.held_out->group(i));
    std::set_intersection(train.begin(), train.end(), held_out.begin(), held_out.end(),
                          std::inserter(both, both.end()));
    EXPECT_TRUE(both.empty());
    EXPECT_EQ(train.size() + held_out.size(), 72u);
    EXPECT_NEAR(static_cast<double>(s.held_out->size()), 150, 7);
  }
}

TEST(Split, NeitherSideIsEmptyWhileThereAreTwoGroups) {
  for (const double fraction : {0.001, 0.5, 0.999}) {
    const HeldOutSplit s = split_held_out(make_data(2, 1), fraction, 3);
    EXPECT_EQ(s.train->size(), 1u);
    EXPECT_EQ(s.held_out->size(), 1u);
  }
  EXPECT_EQ(split_held_out(make_data(1, 1), 0.5, 3).train->size(), 1u);
}

}  // namespace
}  // namespace dunlin
