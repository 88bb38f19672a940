#include "learn/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "learn/testing/temp_folder.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

Example image(Shape shape, std::vector<uint8_t> pixels) {
  return {Tensor::of<uint8_t>(std::move(shape), std::span<const uint8_t>(pixels)), true, {}};
}

std::vector<float> prepare(const Task& t, const Example& e) {
  std::vector<float> out(static_cast<size_t>(t.input.num_elements()));
  prepare_input(t, e, "here", out);
  return out;
}

Task task_of(Shape input, Task::Channels channels = Task::Channels::kGray) {
  Task t;
  t.input = std::move(input);
  t.channels = channels;
  return t;
}

// torch.nn.functional.interpolate(x, size, mode="bilinear", antialias=True) of PyTorch 1.13, channel 1 of
// x[c][i][j] = (5i + 3j + 7c) % 13 for c < 2, i < 5, j < 7: its first nine values and the sum of both
// channels.
struct Resized {
  int64_t height, width;
  std::vector<float> first;
  double sum;
};
const Resized kResized[] = {
    {3,
     3,
     {6.540816307f, 5.252101421f, 7.193877697f, 6.984126568f, 5.013072014f, 6.015872955f, 5.806122780f, 6.0f,
      4.867347240f},
     107.67333650588989},
    {9,
     10,
     {7.0f, 8.649999619f, 7.5f, 0.499999523f, 1.949999571f, 4.049999714f, 6.149999142f, 8.25f, 10.349999428f},
     1073.216658115387},
    {5,
     4,
     {7.952380657f, 2.839999914f, 5.759999752f, 10.428570747f, 7.380952358f, 5.240000725f, 8.159999847f,
      3.047618866f, 5.571428298f},
     238.98094618320465},
};

TEST(Resize, AgreesWithPyTorch) {
  std::vector<float> x(5 * 7 * 2);
  for (size_t i = 0; i < 5; ++i)
    for (size_t j = 0; j < 7; ++j)
      for (size_t c = 0; c < 2; ++c)
        x[(i * 7 + j) * 2 + c] = static_cast<float>((5 * i + 3 * j + 7 * c) % 13);
  for (const Resized& r : kResized) {
    std::vector<float> y(static_cast<size_t>(r.height * r.width * 2));
    resize_bilinear(x, 5, 7, 2, y, r.height, r.width);
    for (size_t k = 0; k < r.first.size(); ++k)
      EXPECT_NEAR(y[k * 2 + 1], r.first[k], 3e-6) << r.height << " " << k;
    EXPECT_NEAR(std::accumulate(y.begin(), y.end(), 0.0), r.sum, 1e-3);
  }
}

TEST(Prepare, ChannelsOrderScaleMeanAndStd) {
  const Example rgb = image({1, 2, 3}, {10, 20, 30, 40, 50, 60});
  EXPECT_THAT(prepare(task_of({3, 1, 2}, Task::Channels::kRgb), rgb), ElementsAre(10, 40, 20, 50, 30, 60));
  EXPECT_THAT(prepare(task_of({3, 1, 2}, Task::Channels::kBgr), rgb), ElementsAre(30, 60, 20, 50, 10, 40));
  Task nhwc = task_of({1, 2, 3}, Task::Channels::kBgr);
  nhwc.layout = Task::Layout::kNhwc;
  EXPECT_THAT(prepare(nhwc, rgb), ElementsAre(30, 20, 10, 60, 50, 40));

  Task t = task_of({3, 1, 2}, Task::Channels::kRgb);
  t.scale = 0.5, t.mean = {1, 2, 3}, t.std = {2, 4, 8};
  EXPECT_THAT(prepare(t, rgb), ElementsAre(2, 9.5f, 2, 5.75f, 1.5f, 3.375f));
}

TEST(Prepare, GrayToColourAndBack) {
  EXPECT_THAT(prepare(task_of({3, 1, 2}, Task::Channels::kRgb), image({1, 2, 1}, {7, 9})),
              ElementsAre(7, 9, 7, 9, 7, 9));
  // Rec. 601 luma: red 0.299, green 0.587, blue 0.114.
  EXPECT_THAT(prepare(task_of({1, 1, 3}), image({1, 3, 3}, {200, 0, 0, 0, 200, 0, 0, 0, 200})),
              Pointwise(FloatNear(1e-4f), {59.8f, 117.4f, 22.8f}));
}

TEST(Prepare, SixteenBitsMeanTheSameAsEight) {
  const Example e{Tensor::of<uint16_t>({1, 2, 1}, {65535, 257}), true, {}};
  EXPECT_THAT(prepare(task_of({1, 1, 2}), e), ElementsAre(255, 1));
}

TEST(Prepare, AnImageForAVectorInput) {
  EXPECT_THAT(prepare(task_of({6}), image({1, 2, 3}, {1, 2, 3, 4, 5, 6})), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_EQ(error_of([] {
              prepare(task_of({5}), image({1, 2, 3}, {1, 2, 3, 4, 5, 6}));
            }),
            "here: 6 values [1,2,3], the model's input [5] holds 5");
}

TEST(Prepare, ValuesKeepTheirOrderAndAreNormalisedByFeature) {
  const Example e{Tensor::of<float>({4}, {1, 2, 3, 4}), false, {}};
  Task t = task_of({4});
  t.mean = {1, 1, 1, 2}, t.std = {1, 2, 4, 8};
  EXPECT_THAT(prepare(t, e), ElementsAre(0, 0.5f, 0.5f, 0.25f));
  Task planes = task_of({2, 2, 1});
  planes.mean = {1, 3};
  EXPECT_THAT(prepare(planes, e), ElementsAre(0, 1, 0, 1));
}

TEST(Prepare, ResizesToTheInput) {
  EXPECT_THAT(prepare(task_of({1, 1, 1}), image({2, 2, 1}, {1, 2, 3, 4})), ElementsAre(2.5f));
  EXPECT_NE(error_of([] { prepare(task_of({4, 1, 1}), image({2, 2, 1}, {1, 2, 3, 4})); }), "");
}

}  // namespace
}  // namespace dunlin
