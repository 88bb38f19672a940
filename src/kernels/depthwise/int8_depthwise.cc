#include "kernels/depthwise/int8_depthwise.h"

#include <algorithm>
#include <cstring>

#include "kernels/depthwise/int8_depthwise_simd.h"

namespace dunlin {

namespace {

/// Where a channel lies: see int8_depthwise_simd.h.
struct Place {
  size_t block, v, lane;
  Place(size_t channel, size_t width)
      : block(channel / width), v(channel % 16 / 4), lane(channel % width / 16 * 4 + channel % 4) {}
  size_t among_channels(size_t width) const { return block * width + v * (width / 4) + lane; }
};

size_t groups_of(const DepthwiseDims& d) { return (d.kernel_h + 3) / 4; }
size_t whole_blocks(const DepthwiseDims& d, size_t width) { return (d.c + width - 1) / width * width; }

}  // namespace

bool can_run_int8_depthwise(const DepthwiseDims& d) {
  return d.multiplier == 1 && groups_of(d) <= kInt8DepthwiseMaxGroups;
}

size_t int8_depthwise_packed_bytes(Isa isa, const DepthwiseDims& d) {
  return whole_blocks(d, int8_depthwise_table_of(isa).block) * 4 * groups_of(d) * d.kernel_w;
}

void int8_depthwise_pack(Isa isa, const DepthwiseDims& d, const int8_t* weight, std::byte* packed) {
  const size_t width = int8_depthwise_table_of(isa).block, groups = groups_of(d);
  std::memset(packed, 0, int8_depthwise_packed_bytes(isa, d));
  for (size_t c = 0; c < d.c; ++c) {
    const Place at(c, width);
    for (size_t y = 0; y < d.kernel_h; ++y) {
      for (size_t x = 0; x < d.kernel_w; ++x) {
        const size_t quads = ((at.block * groups + y / 4) * d.kernel_w + x) * 4 + at.v;
        packed[quads * width + at.lane * 4 + y % 4] =
            static_cast<std::byte>(weight[(c * d.kernel_h + y) * d.kernel_w + x]);
      }
    }
  }
}

Int8DepthwiseChannels int8_depthwise_channels(Isa isa, const DepthwiseDims& d, const int8_t* weight,
                                              uint8_t x_zero, std::span<const int32_t> bias,
                                              std::span<const float> scale) {
  const size_t width = int8_depthwise_table_of(isa).block, taps = d.kernel_h * d.kernel_w;
  Int8DepthwiseChannels out;
  out.bias.resize(whole_blocks(d, width));
  out.scale.resize(out.bias.size());
  out.padding.assign(d.c, x_zero);
  for (size_t c = 0; c < d.c; ++c) {
    uint32_t sum = 0;
    for (size_t t = 0; t < taps; ++t) sum += static_cast<uint32_t>(weight[c * taps + t]);
    const size_t at = Place(c, width).among_channels(width);
    out.bias[at] = static_cast<int32_t>(static_cast<uint32_t>(bias[c]) - x_zero * sum);
    out.scale[at] = scale[c];
  }
  return out;
}

void int8_depthwise(Isa isa, ThreadPool& pool, const DepthwiseDims& d, const uint8_t* x,
                    const std::byte* packed, const Int8DepthwiseChannels& channels, const Int8Output& output,
                    uint8_t* y) {
  const Int8DepthwiseTable& table = int8_depthwise_table_of(isa);
  const Int8DepthwiseCall call{.dims = &d,
                               .x = x,
                               .weights = reinterpret_cast<const int8_t*>(packed),
                               .bias = channels.bias.data(),
                               .scale = channels.scale.data(),
                               .padding = channels.padding.data(),
                               .output = output,
                               .y = y};
  // Rows of about as much work as wakes a thread.
  const size_t rows = d.n * d.out_h, work = std::max<size_t>(1, d.out_w * d.c * d.kernel_h * d.kernel_w);
  const size_t each = std::max<size_t>(1, (size_t{1} << 19) / work);
  if (pool.size() == 1 || rows <= each) return table.rows(call, 0, rows);
  pool.parallel_for((rows + each - 1) / each,
                    [&](size_t i, int) { table.rows(call, i * each, std::min(rows, (i + 1) * each)); });
}

}  // namespace dunlin
