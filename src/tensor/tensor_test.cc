#include "dunlin/tensor.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tensor/formats.h"
#include "tensor/strided.h"

namespace dunlin {
namespace {

TEST(Shape, CountsAndRefusesOverflow) {
  EXPECT_EQ(Shape().num_elements(), 1);
  EXPECT_EQ(Shape({2, 0, 3}).num_elements(), 0);
  EXPECT_THROW(Shape({kUnknownDim, 2}).num_elements(), Error);
  EXPECT_THROW(Shape({int64_t{1} << 40, int64_t{1} << 40}).num_elements(), Error);
  EXPECT_EQ(to_string(Shape({2, kUnknownDim})), "[2,?]");
  for (int axis : {-1, 2, INT32_MIN}) EXPECT_THROW((void)Shape({2, 3})[axis], Error) << axis;
  EXPECT_THROW((void)Shape()[0], Error);
}

TEST(Shape, ChannelsLastStrides) {
  EXPECT_EQ(channels_last_strides({2, 3, 4, 5}), (Strides{60, 1, 15, 3}));
  EXPECT_EQ(channels_last_strides({2, 3}), (Strides{3, 1}));
}

TEST(Tensor, TakesAsManyValuesAsItHasElements) {
  EXPECT_EQ(Tensor::of<float>({2, 0}, std::initializer_list<float>{}).num_elements(), 0);
  EXPECT_THROW(Tensor::of<float>({2, 2}, {1, 2, 3}), Error);
  EXPECT_THROW(Tensor::of<float>({2, 2}, {1, 2, 3, 4, 5}), Error);
  EXPECT_THROW(Tensor::of<float>({kUnknownDim}, {1}), Error);
}

TEST(Tensor, CloneOfAStridedTensorIsRowMajor) {
  float nhwc[] = {0, 10, 1, 11, 2, 12, 3, 13};  // [1,2,2,2], channels last
  const Shape shape{1, 2, 2, 2};
  const Tensor t =
      Tensor::over(&formats::kF32, shape, channels_last_strides(shape), reinterpret_cast<std::byte*>(nhwc));
  EXPECT_FALSE(t.is_row_major());
  EXPECT_THROW(t.values<float>(), Error);
  const Tensor copy = t.clone();
  const auto v = copy.values<float>();
  EXPECT_EQ(std::vector<float>(v.begin(), v.end()), (std::vector<float>{0, 1, 2, 3, 10, 11, 12, 13}));
}

TEST(Tensor, ViewsShareAndOutliveTheirSource) {
  Tensor view;
  {
    Tensor t = Tensor::of<int64_t>({2, 2}, {1, 2, 3, 4});
    view = t.reshaped({4});
    t.data<int64_t>()[3] = 9;
  }
  EXPECT_EQ(view.values<int64_t>()[3], 9);
  EXPECT_THROW(view.data<float>(), Error);
  EXPECT_THROW(view.reshaped({3}), Error);
}

TEST(ForEachStrided, BroadcastsOverStrideZero) {
  std::vector<int64_t> a, b;
  for_each_strided(
      Shape{2, 3}, [&](size_t, int64_t x, int64_t y) { a.push_back(x), b.push_back(y); }, Strides{3, 1},
      Strides{0, 1});
  EXPECT_EQ(a, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(b, (std::vector<int64_t>{0, 1, 2, 0, 1, 2}));
}

}  // namespace
}  // namespace dunlin
