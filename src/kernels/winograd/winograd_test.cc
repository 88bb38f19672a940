#include "kernels/winograd/winograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/contraction/contraction_testing.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

constexpr WinogradTile kTiles[] = {WinogradTile::k2x2, WinogradTile::k4x4};

/// max|a-b| / max|b| that is allowed: sums of numbers that are uniform in [-1, 1].
double tolerance(WinogradTile tile) { return tile == WinogradTile::k2x2 ? 2e-6 : 1e-5; }

ConvShape shape(int64_t batch, int64_t c, int64_t o, int64_t h, int64_t w, int64_t pad_begin,
                int64_t pad_end) {
  return {.batch = batch,
          .in_channels = c,
          .out_channels = o,
          .in = {1, h, w},
          .out = {1, h + pad_begin + pad_end - 2, w + pad_begin + pad_end - 2},
          .kernel = {1, 3, 3},
          .pad = {0, pad_begin, pad_begin}};
}

std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all;
  // Every remainder of the tiles, all paddings, channels around vectors and panels.
  const int64_t channels[] = {1, 3, 8, 15, 16, 17, 31, 33, 64, 130}, sizes[] = {1, 2, 4, 5, 7, 9, 13};
  int64_t i = 0;
  for (int64_t h : sizes) {
    for (int64_t w : sizes) {
      for (int64_t pad = 0; pad <= 3; ++pad, ++i) {
        const int64_t end = (i / 3) % 4;
        if (h + pad + end < 3 || w + pad + end < 3) continue;
        all.push_back(shape(1 + i % 3 / 2, channels[i % 10], channels[i * 7 / 10 % 10], h, w, pad, end));
      }
    }
  }
  all.push_back(shape(2, 40, 33, 41, 38, 1, 1));   // several blocks of tiles
  all.push_back(shape(1, 20, 700, 12, 11, 1, 1));  // several chunks of outputs
  all.push_back(shape(1, 1300, 20, 5, 6, 1, 1));   // several blocks of the reduction
  all.push_back(shape(3, 130, 130, 7, 7, 1, 1));   // few tiles for several threads
  return all;
}

std::string name(const ConvShape& s) {
  return std::to_string(s.batch) + "x" + std::to_string(s.in[1]) + "x" + std::to_string(s.in[2]) + ", " +
         std::to_string(s.in_channels) + " to " + std::to_string(s.out_channels) + ", padding " +
         std::to_string(s.pad[1]) + ", output " + std::to_string(s.out[1]) + "x" + std::to_string(s.out[2]);
}

struct Data {
  std::vector<float> x, w, bias, residual;
  std::vector<double> sums;
  explicit Data(const ConvShape& s)
      : x(random_floats(size_t(s.in_pixels() * s.in_channels), -1, 1, 1)),
        w(random_floats(size_t(s.out_channels * s.in_channels * 9), -1, 1, 2)),
        bias(random_floats(size_t(s.out_channels), -1, 1, 3)),
        residual(random_floats(size_t(s.out_pixels() * s.out_channels), -1, 1, 4)),
        sums(residual.size()) {
    for_each_product(s, [&](size_t i, size_t j, size_t k) { sums[k] += double(x[i]) * double(w[j]); });
  }
  /// The convolution with bias, residual and activation.
  std::vector<double> fused(const Activation& f) const {
    std::vector<double> y = sums;
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = apply(f, y[i] + double(bias[i % bias.size()]) + double(residual[i]));
    return y;
  }
};

double largest(const std::vector<double>& v) {
  double most = 0;
  for (double x : v) most = std::max(most, std::fabs(x));
  return most;
}

std::vector<float> run(Isa isa, ThreadPool& pool, const ConvShape& s, WinogradTile tile, const Data& data,
                       std::vector<float> y, const Epilogue& epilogue) {
  std::vector<float> packed(winograd_packed_floats(isa, s, tile)),
      scratch(winograd_scratch_floats(isa, s, tile, pool.size()), NAN);
  winograd_pack(isa, pool, s, tile, data.w.data(), packed.data());
  winograd_forward(isa, pool, s, tile, data.x.data(), packed.data(), y.data(), epilogue, scratch.data());
  return y;
}

/// Within the tolerance of `scale`.
void expect_close(const std::vector<float>& got, const std::vector<double>& want, double allowed) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], allowed) << i << " of " << got.size();
}

TEST(Winograd, AgreesWithTheDefinition) {
  for (const ConvShape& s : shapes()) {
    SCOPED_TRACE(name(s));
    ASSERT_TRUE(winograd_fits(s));
    const Data data(s);
    const std::vector<double> fused = data.fused(Activation::relu());
    const double scale = largest(data.sums);
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      for (WinogradTile tile : kTiles) {
        SCOPED_TRACE(static_cast<int>(tile));
        expect_close(run(isa, pool, s, tile, data, std::vector<float>(data.sums.size(), NAN), {}), data.sums,
                     tolerance(tile) * scale);
        expect_close(run(isa, pool, s, tile, data, std::vector<float>(data.sums.size(), NAN),
                         {data.bias.data(), data.residual.data(), s.out_channels, Activation::relu()}),
                     fused, tolerance(tile) * scale + 1e-6);
      }
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Winograd, EveryActivationAndAResidualThatIsTheOutput) {
  const ConvShape s = shape(2, 19, 37, 7, 9, 1, 1);
  const Data data(s);
  const double scale = largest(data.sums);
  for (const Activation& f : kActivations) {
    const std::vector<double> want = data.fused(f);
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      for (WinogradTile tile : kTiles) {
        std::vector<float> packed(winograd_packed_floats(isa, s, tile)),
            scratch(winograd_scratch_floats(isa, s, tile, pool.size())), y = data.residual;
        winograd_pack(isa, pool, s, tile, data.w.data(), packed.data());
        winograd_forward(isa, pool, s, tile, data.x.data(), packed.data(), y.data(),
                         {data.bias.data(), y.data(), s.out_channels, f}, scratch.data());
        SCOPED_TRACE(static_cast<int>(f.kind));
        expect_close(y, want, 2 * tolerance(tile) * scale);
      }
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Winograd, BitsDoNotDependOnThreads) {
  for (const ConvShape& s :
       {shape(2, 40, 33, 41, 38, 1, 1), shape(1, 700, 130, 7, 7, 1, 1), shape(1, 64, 64, 28, 28, 1, 1)}) {
    SCOPED_TRACE(name(s));
    const Data data(s);
    for (Isa isa : available_isas()) {
      for (WinogradTile tile : kTiles) {
        EXPECT_TRUE(same_bits_on_any_threads(
            [&](ThreadPool& pool) { return run(isa, pool, s, tile, data, data.residual, {}); }));
      }
    }
  }
}

TEST(Winograd, RefusesWhatItCannotCompute) {
  const ConvShape good = shape(1, 64, 64, 28, 28, 1, 1);
  EXPECT_TRUE(winograd_fits(good));
  for (Isa isa : available_isas()) EXPECT_TRUE(winograd_tile(isa, good));
  const auto refused = [&](auto change) {
    ConvShape s = good;
    change(s);
    EXPECT_FALSE(winograd_fits(s));
    for (Isa isa : available_isas()) EXPECT_FALSE(winograd_tile(isa, s));
  };
  refused([](ConvShape& s) { s.kernel = {1, 3, 1}; });
  refused([](ConvShape& s) { s.kernel = {3, 3, 3}; });
  refused([](ConvShape& s) { s.stride = {1, 1, 2}; });
  refused([](ConvShape& s) { s.dilation = {1, 2, 1}; });
  refused([](ConvShape& s) { s.groups = 2; });
  refused([](ConvShape& s) { s.in[0] = s.out[0] = 2; });
  refused([](ConvShape& s) { s.in_channels = 0; });
  refused([](ConvShape& s) { s.out_channels = 0; });
  refused([](ConvShape& s) { s.batch = 0; });
  refused([](ConvShape& s) { s.out[2] = 0; });
}

TEST(Winograd, IsChosenWhereItSavesEnough) {
  const Isa isa = best_isa();
  EXPECT_EQ(winograd_tile(isa, shape(1, 64, 64, 56, 56, 1, 1)), WinogradTile::k4x4);
  EXPECT_EQ(winograd_tile(isa, shape(1, 8, 64, 56, 56, 1, 1)), std::nullopt);
  // A single tile of little use, and weights that grow.
  EXPECT_EQ(winograd_tile(isa, shape(1, 512, 512, 1, 1, 1, 1)), std::nullopt);
}

}  // namespace
}  // namespace dunlin
