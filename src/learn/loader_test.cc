#include "learn/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "learn/testing/memory_dataset.h"
#include "learn/testing/temp_folder.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using dunlin::testing::MemoryDataset;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

DatasetPtr numbered(size_t count) {
  std::vector<MemoryDataset::Row> rows(count);
  for (size_t i = 0; i < count; ++i) rows[i] = {{static_cast<float>(i), 0}, static_cast<int>(i % 3), "", {}};
  return std::make_shared<MemoryDataset>(rows, std::vector<std::string>{"a", "b", "c"});
}

Task task() {
  Task t;
  t.input = {2};
  t.labels = {"c", "x", "b", "a"};
  return t;
}

TEST(Loader, EveryEpochHoldsEverySampleOnceInAnOrderOfItsOwn) {
  const Loader loader(numbered(23), task(), {}, {.batch = 5, .seed = 9});
  ASSERT_EQ(loader.batches_per_epoch(), 5);
  std::set<std::vector<size_t>> orders;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<size_t> order;
    for (int64_t b = 0; b < 5; ++b) {
      const auto part = loader.samples_of(epoch, b);
      EXPECT_EQ(part.size(), b < 4 ? 5u : 3u);
      order.insert(order.end(), part.begin(), part.end());
    }
    EXPECT_EQ(std::set<size_t>(order.begin(), order.end()).size(), 23u);
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 3u);
  // Entered in the middle, by another object, the order is the same.
  EXPECT_EQ(Loader(numbered(23), task(), {}, {.batch = 5, .seed = 9}).samples_of(1, 3),
            loader.samples_of(1, 3));
  EXPECT_NE(Loader(numbered(23), task(), {}, {.batch = 5, .seed = 8}).samples_of(1, 3),
            loader.samples_of(1, 3));
}

TEST(Loader, InputsAndClassNumbersBelongTogetherWhateverTheThreads) {
  const DatasetPtr data = numbered(23);
  const Loader loader(data, task(), {}, {.batch = 23, .seed = 1});
  ThreadPool pool(3);
  const Batch a = loader.load(0, 0), b = loader.load(0, 0, &pool);
  EXPECT_EQ(a.input.shape(), (Shape{23, 2}));
  const int64_t number_of[] = {3, 2, 0};  // a, b, c in the task's map
  for (size_t i = 0; i < 23; ++i) {
    const float x = a.input.values<float>()[2 * i];
    EXPECT_EQ(a.target.values<int64_t>()[i], number_of[static_cast<size_t>(x) % 3]);
    EXPECT_EQ(b.input.values<float>()[2 * i], x);
    EXPECT_EQ(b.target.values<int64_t>()[i], a.target.values<int64_t>()[i]);
  }
}

TEST(Loader, FloatTargets) {
  const Loader one_hot(numbered(3), task(), {false, {4}}, {.batch = 3, .shuffle = false});
  const Batch batch = one_hot.load(0, 0);
  EXPECT_THAT(batch.target.values<float>(), ElementsAre(0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0));

  Task values = task();
  values.labels.clear();
  const auto vectors = std::make_shared<MemoryDataset>(
      std::vector<MemoryDataset::Row>{{{1, 2}, -1, "", {5, 6}}, {{3, 4}, -1, "", {7, 8}}},
      std::vector<std::string>{});
  const Batch v = Loader(vectors, values, {false, {2}}, {.batch = 2, .shuffle = false}).load(0, 0);
  EXPECT_THAT(v.target.values<float>(), ElementsAre(5, 6, 7, 8));

  const auto numbers = std::make_shared<MemoryDataset>(
      std::vector<MemoryDataset::Row>{{{1, 2}, 1, "", {}}, {{3, 4}, 0, "", {}}},
      std::vector<std::string>{"-1.5", "2e3"});
  const Batch n = Loader(numbers, values, {false, {1}}, {.batch = 2, .shuffle = false}).load(0, 0);
  EXPECT_THAT(n.target.values<float>(), ElementsAre(2000, -1.5f));
}

TEST(Loader, Refuses) {
  Task other = task();
  other.labels = {"a", "b"};
  EXPECT_THAT(error_of([&] { Loader(numbered(9), other, {}, {}); }),
              HasSubstr("label \"c\" is not in the model's label map"));
  EXPECT_THAT(error_of([&] { Loader(numbered(0), task(), {}, {}); }), HasSubstr("no samples"));
  EXPECT_THAT(error_of([&] { Loader(numbered(1), task(), {}, {.batch = 0}); }), HasSubstr("batch of 0"));
  Task wide = task();
  wide.input = {3};
  EXPECT_THAT(error_of([&] { Loader(numbered(2), wide, {}, {.shuffle = false}).load(0, 0); }),
              HasSubstr("row 0: 2 values [2], the model's input [3] holds 3"));
  Task values = task();
  values.labels.clear();
  EXPECT_THAT(error_of([&] {
                Loader(numbered(2), values, {false, {1}}, {.shuffle = false}).load(0, 0);
              }),
              HasSubstr("row 0: target \"a\" where 1 number(s) are expected"));
}

}  // namespace
}  // namespace dunlin
