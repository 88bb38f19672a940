#include <cstring>

#include "kernels/contraction/forward.h"
#include "kernels/contraction/int8.h"
#include "kernels/contraction/int8_microkernel_simd.h"
#include "kernels/contraction/part.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace contraction {
namespace {

/// A is bytes, B signed bytes, four k side by side; C is what Int8Output says, in bytes.
struct Int8 {
  using A = uint8_t;
  using B = int8_t;
  using C = std::byte;
  using Table = Int8Table;
  struct Finish {
    const int32_t* bias;  ///< less what the zero point of A adds
    const float* scale;
    Int8Output output;
  };
};

struct Int8Tiles : Int8 {
  using Product = ProductOf<Int8>;
  using Bias = int32_t;
  using Sum = int32_t;
  using Tile = Int8TileArgs;
  static constexpr int64_t kGroup = 4;
  static constexpr bool kSumsInC = false;

  static const int32_t* tile_bias(const Product& p) { return p.finish.bias; }
  static Tile begin_block(const Product& p, const BlockRows<Int8Tiles>& rows) {
    return {.c = rows.c,
            .sums = rows.sums,
            .begins_with_sums = !rows.first,
            .ends_with_sums = !rows.last,
            .scale = p.finish.scale,
            .output = p.finish.output};
  }
  static void run_tile(const Product& p, const Tile& t, int64_t panels, int rows) {
    p.table->rows[panels][rows](t);
  }
  static void finish_rows(const Product&, std::byte* const*, int, int64_t, int64_t) {}
};

/// How the reduction is cut into taps, and where everything lies in the packed weights.
struct Int8Packing {
  Window<uint8_t> window;
  bool gathers;
  int64_t outputs, taps, k, tap_bytes;  // tap_bytes: of a column, filled up to groups of 4
  int64_t panel_bytes, columns, sums, size;

  Int8Packing(const Int8Table& table, const ConvShape& s, const uint8_t* x)
      : window(forward_window(s, x)), gathers(window.gathers()), outputs(s.out_channels / s.groups) {
    taps = gathers ? 1 : window.num_taps();
    k = gathers ? window.window_elements() : window.k();
    tap_bytes = ceil_div(k, 4) * 4;
    panel_bytes = taps * tap_bytes * table.width;
    columns = ceil_div(outputs, table.width) * table.width;
    sums = ceil_div(s.groups * group_bytes(table), 64) * 64;
    size = sums + s.groups * columns * 4;
  }
  int64_t group_bytes(const Int8Table& table) const { return columns / table.width * panel_bytes; }
};

}  // namespace
}  // namespace contraction

using contraction::Int8Packing;

void flip_signs(ThreadPool& pool, const int8_t* x, uint8_t* y, size_t n) {
  split_elements(pool, n, [&](size_t i, size_t end) {
    for (; i < end; ++i) y[i] = static_cast<uint8_t>(x[i] ^ -128);
  });
}

size_t int8_packed_bytes(Isa isa, const ConvShape& s) {
  return static_cast<size_t>(Int8Packing(int8_contraction_table_of(isa), s, nullptr).size);
}

void int8_pack(Isa isa, const ConvShape& s, const Int8Weights& weights, std::byte* packed) {
  const Int8ContractionTable& table = int8_contraction_table_of(isa);
  const Int8Packing p(table, s, nullptr);
  const int64_t channels = s.in_channels / s.groups;
  std::memset(packed, 0, static_cast<size_t>(p.size));
  for (int64_t o = 0; o < s.out_channels; ++o) {
    const int64_t group = o / p.outputs, column = o % p.outputs;
    auto* panel = reinterpret_cast<int8_t*>(packed) + group * p.group_bytes(table) +
                  column / table.width * p.panel_bytes + column % table.width * 4;
    uint32_t& sum = reinterpret_cast<uint32_t*>(packed + p.sums)[group * p.columns + column];
    for (int64_t i = 0; i < s.taps() * channels; ++i) {
      const int8_t w = weights.w[o * weights.out_stride + i % channels * weights.channel_stride +
                                 i / channels * weights.tap_stride];
      sum += static_cast<uint32_t>(w);
      const int64_t k = i / p.k * p.tap_bytes + i % p.k;
      panel[k / 4 * table.width * 4 + k % 4] = w;
    }
  }
}

Int8Columns int8_columns(Isa isa, const ConvShape& s, const std::byte* packed, uint8_t x_zero,
                         std::span<const int32_t> bias, std::span<const float> scale) {
  const Int8Packing p(int8_contraction_table_of(isa), s, nullptr);
  const auto* sums = reinterpret_cast<const uint32_t*>(packed + p.sums);
  Int8Columns c;
  c.padding.assign(static_cast<size_t>(std::min(p.k, contraction::kMaxBlockOf<uint8_t>) + 4), x_zero);
  c.bias.resize(static_cast<size_t>(s.groups * p.columns));
  c.scale.resize(c.bias.size());
  for (int64_t o = 0; o < s.out_channels; ++o) {
    const auto channel = static_cast<size_t>(o);
    const auto at = static_cast<size_t>(o / p.outputs * p.columns + o % p.outputs);
    c.bias[at] =
        static_cast<int32_t>((bias.empty() ? 0 : static_cast<uint32_t>(bias[channel])) - x_zero * sums[at]);
    c.scale[at] = scale.empty() ? 1.f : scale[channel];
  }
  return c;
}

void int8_conv(Isa isa, ThreadPool& pool, const ConvShape& s, const uint8_t* x, const std::byte* packed,
               const Int8Columns& columns, const Int8Output& output, std::byte* y) {
  using namespace contraction;
  const Int8ContractionTable& table = int8_contraction_table_of(isa);
  const Int8Packing p(table, s, x);
  const bool pointwise =
      s.taps() == 1 && s.in == s.out && s.stride == Dims3{1, 1, 1} && s.pad == Dims3{0, 0, 0};
  const auto bytes = static_cast<int64_t>(output.element_bytes());
  Window<uint8_t> window = p.window;
  window.zeros = columns.padding.data();
  for (int64_t group = 0; group < s.groups; ++group) {
    window.x = x + group * window.channels;
    const auto rows = [&](const RowBlockOf<uint8_t>& block, const uint8_t** pointers) {
      if (p.gathers) {
        // A row reads on into the next one, up to a whole group: there the weights are 0.
        window.gather(table.copy_runs, block.row, block.count, block.buffer);
        for (int i = 0; i < block.count; ++i) pointers[i] = block.buffer + i * p.k;
        return;
      }
      if (!pointwise) return window.rows(block, pointers);
      for (int i = 0; i < block.count; ++i) pointers[i] = window.x + (block.row + i) * window.pixel + block.k;
    };
    const auto outputs = [&](int64_t row, int count, std::byte** c, const std::byte**) {
      for (int i = 0; i < count; ++i) c[i] = y + ((row + i) * s.out_channels + group * p.outputs) * bytes;
    };
    const int64_t column = group * p.columns;
    run_parts<Int8Tiles>(&pool,
                         {.table = &table,
                          .m = s.out_pixels(),
                          .n = p.outputs,
                          .taps = p.taps,
                          .k = p.gathers ? p.tap_bytes : p.k,
                          .row_stride = p.gathers ? 0 : window.pixel * s.stride[2],
                          .packed_b = reinterpret_cast<const int8_t*>(packed) + group * p.group_bytes(table),
                          .rows = rows,
                          .outputs = outputs,
                          .finish = {.bias = columns.bias.data() + column,
                                     .scale = columns.scale.data() + column,
                                     .output = output}});
  }
}

}  // namespace dunlin
