#include "kernels/layout/copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "dunlin/error.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

/// Element i holds i, in as many bytes as it has.
std::vector<uint8_t> numbered(size_t n, size_t bytes) {
  std::vector<uint8_t> data(n * bytes);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t value = i * 0x9e3779b97f4a7c15u;
    std::memcpy(data.data() + i * bytes, &value, bytes);
  }
  return data;
}

void expect_copies(const CopyDims& d, size_t source_size, size_t destination_size,
                   ptrdiff_t source_origin = 0) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (size_t bytes : {1, 2, 4, 8}) {
      const auto source = numbered(source_size, bytes);
      std::vector<uint8_t> expected(destination_size * bytes, 7), got = expected;
      size_t total = 1;
      for (size_t i = 0; i < d.rank; ++i) total *= d.dims[i];
      for (size_t flat = 0; flat < total; ++flat) {
        ptrdiff_t from = source_origin, to = 0;
        for (size_t axis = d.rank, rest = flat; axis-- > 0; rest /= d.dims[axis]) {
          from += ptrdiff_t(rest % d.dims[axis]) * d.source_strides[axis];
          to += ptrdiff_t(rest % d.dims[axis]) * d.destination_strides[axis];
        }
        std::memcpy(expected.data() + size_t(to) * bytes, source.data() + size_t(from) * bytes, bytes);
      }
      copy_strided(pool, d, bytes, source.data() + size_t(source_origin) * bytes, got.data());
      ASSERT_EQ(got, expected) << bytes << " bytes, " << threads << " threads";
    }
  }
}

TEST(Copy, TransposesEveryPermutation) {
  const std::vector<std::vector<size_t>> shapes{
      {}, {5}, {17, 33}, {2, 3, 50}, {3, 19, 2, 18}, {1, 40, 1, 900}};
  for (const auto& shape : shapes) {
    std::vector<size_t> permutation;
    size_t total = 1;
    for (size_t i = 0; i < shape.size(); ++i) permutation.push_back(i), total *= shape[i];
    do {
      expect_copies(CopyDims::transpose(shape, permutation), total, total);
    } while (std::next_permutation(permutation.begin(), permutation.end()));
  }
}

TEST(Copy, Slices) {
  // Every second column of rows read backwards, into a wider destination.
  CopyDims d{.rank = 2, .dims = {4, 5}, .source_strides = {-10, 2}, .destination_strides = {8, 1}};
  expect_copies(d, 40, 32, 30);
}

TEST(Copy, Repeats) {
  CopyDims d{
      .rank = 3, .dims = {20, 3, 70}, .source_strides = {1, 0, 20}, .destination_strides = {210, 70, 1}};
  expect_copies(d, 20 * 70, 20 * 210);
}

TEST(Copy, NothingToCopy) {
  ThreadPool pool(1);
  const size_t shape[] = {3, 0}, permutation[] = {1, 0};
  copy_strided(pool, CopyDims::transpose(shape, permutation), 4, nullptr, nullptr);
}

TEST(Copy, RefusesOddElements) {
  ThreadPool pool(1);
  EXPECT_THROW(copy_strided(pool, {}, 3, nullptr, nullptr), Error);
}

}  // namespace
}  // namespace dunlin
