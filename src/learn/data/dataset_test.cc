#include "learn/data/dataset.h"

#include <gtest/gtest.h>

#include "learn/testing/memory_dataset.h"
#include "learn/testing/temp_folder.h"

namespace dunlin {
namespace {

using dunlin::testing::MemoryDataset;

TEST(CachedDataset, HoldsNoMoreThanItsLimitAndTheNewest) {
  std::vector<MemoryDataset::Row> rows(10, {std::vector<float>(25), 0, "", {}});  // 100 bytes each
  for (size_t i = 0; i < rows.size(); ++i) rows[i].input[0] = static_cast<float>(i);
  const auto source = std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a"});
  const CachedDataset cache(source, 350);
  const auto read = [&](size_t i) {
    EXPECT_EQ(cache.example(i).input.values<float>()[0], static_cast<float>(i));
  };
  for (const size_t i : {0, 1, 2}) read(i);
  for (const size_t i : {0, 1, 2}) read(i);
  EXPECT_EQ(source->decoded, 3);
  EXPECT_EQ(cache.bytes_held(), 300u);
  read(3);  // 0 goes
  read(1);
  read(2);
  read(3);
  EXPECT_EQ(source->decoded, 4);
  read(0);
  EXPECT_EQ(source->decoded, 5);
  EXPECT_EQ(cache.bytes_held(), 300u);
}

TEST(CachedDataset, WhatExceedsTheLimitIsNotHeld) {
  const auto source = std::make_shared<MemoryDataset>(
      std::vector<MemoryDataset::Row>{{std::vector<float>(25), 0, "", {}}}, std::vector<std::string>{"a"});
  const CachedDataset cache(source, 99);
  cache.example(0);
  EXPECT_EQ(cache.bytes_held(), 0u);
}

TEST(Subset, RenumbersAndChecks) {
  const auto whole =
      std::make_shared<MemoryDataset>(std::vector<MemoryDataset::Row>{{{1}, 0, "x", {}}, {{2}, 1, "y", {}}},
                                      std::vector<std::string>{"a", "b"});
  const Subset s(whole, {1});
  EXPECT_EQ(s.size(), 1u);
  EXPECT_EQ(s.class_of(0), 1);
  EXPECT_EQ(s.group(0), "y");
  EXPECT_EQ(s.where(0), "row 1");
  EXPECT_THROW(Subset(whole, {2}), Error);
}

TEST(ClassIndex, NumbersByValueThenTextByName) {
  ClassIndex index;
  std::vector<int> classes;
  for (const char* name : {"cat", "10", "9", "ant", "9"}) classes.push_back(index.add(name));
  index.finish(classes);
  EXPECT_EQ(index.names(), (std::vector<std::string>{"9", "10", "ant", "cat"}));
  EXPECT_EQ(classes, (std::vector<int>{3, 1, 0, 2, 0}));
}

}  // namespace
}  // namespace dunlin
