#include "learn/data/fingerprint.h"

#include <gtest/gtest.h>

#include <set>

#include "learn/testing/memory_dataset.h"

namespace dunlin {
namespace {

using dunlin::testing::MemoryDataset;
using Rows = std::vector<MemoryDataset::Row>;

std::string fingerprint(Rows rows, std::vector<std::string> names = {"a", "b"}) {
  return data_fingerprint(MemoryDataset(std::move(rows), std::move(names)));
}

TEST(Fingerprint, ChangesWithWhateverTrainingSees) {
  const Rows rows = {{{1, 2}, 0, "p", {}}, {{3, 4}, 1, "q", {}}};
  std::set<std::string> seen{fingerprint(rows)};
  EXPECT_EQ(fingerprint(rows), *seen.begin());
  const auto changed = [&](auto change) {
    Rows other = rows;
    change(other);
    EXPECT_TRUE(seen.insert(fingerprint(other)).second);
  };
  changed([](Rows& r) { r[1].input[0] = 3.5f; });
  changed([](Rows& r) { r[1].class_index = 0; });
  changed([](Rows& r) { r[1].group = "p"; });
  changed([](Rows& r) { r[1].target = {1}; });
  changed([](Rows& r) { std::swap(r[0], r[1]); });
  changed([](Rows& r) { r.pop_back(); });
  EXPECT_TRUE(seen.insert(fingerprint(rows, {"a", "c"})).second);
  EXPECT_TRUE(seen.insert(fingerprint(rows, {"ab", ""})).second);
  EXPECT_TRUE(seen.insert(fingerprint({})).second);
}

TEST(Fingerprint, ReadsLargeDataInPart) {
  const MemoryDataset data(Rows(10'000, {{1}, 0, "", {}}), {"a"});
  EXPECT_FALSE(data_fingerprint(data).empty());
  EXPECT_EQ(data.decoded, 256);
}

}  // namespace
}  // namespace dunlin
