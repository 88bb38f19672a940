// Which convolutions are faster by Winograd's algorithm, and with which tiles.
#include <algorithm>

#include "kernels/contraction/tiles.h"
#include "kernels/winograd/winograd.h"

namespace dunlin {

namespace {

// Rough cycles of one thread, within a tenth of what an AMD Zen 5 takes for layers of 16 to 1024 channels and images of 4 to
// 112 pixels whose weights come from memory: 8 bytes of them a cycle, of which the arithmetic hides 7 in 10.
constexpr double kBytesPerCycle = 8, kNotHidden = 0.3;
// Transforming a vector of channels, in and out.
constexpr double kIn2 = 100, kOut2 = 55, kIn4 = 270, kOut4 = 220;

struct Cost {
  double lanes, channels, outputs;  // outputs: whole panels

  Cost(const ContractionTable& table, const ConvShape& s)
      : lanes(table.lanes),
        channels(static_cast<double>(s.in_channels)),
        outputs(static_cast<double>(contraction::ceil_div(s.out_channels, table.width) * table.width)) {}

  /// Products of `rows` rows with each of `positions` matrices of weights.
  double products(double positions, double rows) const {
    const double fetch = positions * channels * outputs * sizeof(float) / kBytesPerCycle;
    return std::max(positions * rows * channels * outputs / (2 * lanes) + kNotHidden * fetch, fetch);
  }
  double winograd(const ConvShape& s, int64_t tile, double in, double out) const {
    const auto tiles = static_cast<double>(s.batch * contraction::ceil_div(s.out[1], tile) *
                                           contraction::ceil_div(s.out[2], tile));
    return products(static_cast<double>((tile + 2) * (tile + 2)), tiles) +
           tiles * (channels * in + outputs * out) / lanes;
  }
};

}  // namespace

bool winograd_fits(const ConvShape& s) {
  return s.groups == 1 && s.kernel == Dims3{1, 3, 3} && s.stride == Dims3{1, 1, 1} && s.in[0] == 1 &&
         s.out[0] == 1 && s.pad[0] == 0 && s.dilation[1] == 1 && s.dilation[2] == 1 && s.batch > 0 &&
         s.in_channels > 0 && s.out_channels > 0 && s.out[1] > 0 && s.out[2] > 0;
}

std::optional<WinogradTile> winograd_tile(Isa isa, const ConvShape& s) {
  constexpr int64_t kMinChannels = 16;
  if (!winograd_fits(s) || std::min(s.in_channels, s.out_channels) < kMinChannels) return std::nullopt;
  const Cost cost(contraction_table_of(isa), s);
  const double direct = cost.products(9, static_cast<double>(s.out_pixels()));
  const double two = cost.winograd(s, 2, kIn2, kOut2), four = cost.winograd(s, 4, kIn4, kOut4);
  if (std::min(two, four) > 0.9 * direct) return std::nullopt;
  return two < four ? WinogradTile::k2x2 : WinogradTile::k4x4;
}

}  // namespace dunlin
