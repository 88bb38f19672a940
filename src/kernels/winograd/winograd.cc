#include "kernels/winograd/winograd.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/contraction/tiles.h"
#include "kernels/winograd/winograd_simd.h"

namespace dunlin {

namespace {

using contraction::ceil_div;
using contraction::Split;
using contraction::TileArgs;
using winograd::kMaxOutputs;
using winograd::kMaxPositions;

// Tiles of a block: their transformed inputs should stay in the L2 cache; where the weights are larger than this, they
// are better read less often.
constexpr int64_t kBlockTiles = 3 * contraction::kFetchingRows, kLargeWeightFloats = 3 << 20;
// Products of a block and a chunk of its columns, which should stay in the L2 cache too.
constexpr int64_t kProductFloats = 64 * 1024;
// Multiply-adds below which waking threads costs more than it saves.
constexpr double kMinWork = 1e6;

/// Floats from one row to the next: an odd number of cache lines, so that rows do not share one set of the L1 cache.
int64_t pitch(int64_t floats) { return (ceil_div(floats, 16) | 1) * 16; }

/// How the work is cut: into blocks of tiles, all columns (panels of outputs) into parts for threads, these into chunks.
struct Grid {
  int64_t tile, inputs, positions;   // outputs and inputs of a tile in one dimension, products of a tile
  int64_t rows, columns, num_tiles;  // tiles down and across an image, tiles of all images
  int64_t panels;
  int64_t blocks, parts, chunk;  // blocks of tiles, parts of the panels, most panels of a chunk
  int64_t block_tiles;           // the most
  int64_t v_pitch, m_pitch;
  bool parallel;

  Grid(const ContractionTable& table, const ConvShape& s, WinogradTile t, int threads)
      : tile(static_cast<int>(t)),
        inputs(tile + 2),
        positions(inputs * inputs),
        rows(ceil_div(s.out[1], tile)),
        columns(ceil_div(s.out[2], tile)),
        num_tiles(s.batch * rows * columns),
        panels(ceil_div(s.out_channels, table.width)),
        v_pitch(pitch(s.in_channels)) {
    const bool large = positions * panels * table.width > kLargeWeightFloats / s.in_channels;
    const int64_t most = large ? 2 * kBlockTiles : kBlockTiles;
    blocks = std::max<int64_t>(1, ceil_div(num_tiles, most));
    // Blocks that threads can share evenly; more of them are even enough.
    if (blocks > 1 && blocks < 8) blocks = std::min((blocks + 1) / 2 * 2, num_tiles);
    block_tiles = ceil_div(num_tiles, blocks);
    const double work = static_cast<double>(num_tiles * positions) * static_cast<double>(s.in_channels) *
                        static_cast<double>(s.out_channels);
    if (work < kMinWork) threads = 1;
    parallel = threads > 1;
    parts = blocks < 4 * threads ? std::min(panels, threads / std::gcd<int64_t>(threads, blocks)) : 1;
    const int64_t part_panels = ceil_div(panels, parts);
    int64_t fitting = std::max<int64_t>(1, kProductFloats / (positions * block_tiles * table.width));
    if (fitting > 3 && fitting < part_panels) fitting -= fitting % 3;  // as wide as row tiles like it best
    chunk = ceil_div(part_panels, ceil_div(part_panels, fitting));
    m_pitch = pitch(chunk * table.width);
  }

  int64_t v_floats() const { return positions * block_tiles * v_pitch; }
  int64_t m_floats() const { return positions * block_tiles * m_pitch; }
};

/// One thread's work on one convolution.
class Worker {
 public:
  Worker(const ContractionTable& table, const winograd::Transforms& transforms, const ConvShape& s,
         const Grid& g, const float* x, const float* packed, float* y, const Epilogue& e, float* scratch)
      : table_(table),
        transforms_(transforms),
        s_(s),
        g_(g),
        x_(x),
        packed_(packed),
        y_(y),
        e_(e),
        v_(scratch),
        m_(scratch + g.v_floats()) {}

  /// Tiles [first, first + count) and panels [begin, end).
  void run(int64_t first, int64_t count, int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) transform_input(first + i, i);
    const Split chunks(end - begin, ceil_div(end - begin, g_.chunk));
    for (int64_t panel = begin, i = 1; panel < end; ++i) {
      const int64_t next = begin + chunks.begin(i);
      multiply(count, panel, next - panel);
      for (int64_t tile = 0; tile < count; ++tile) transform_output(first + tile, tile, panel, next - panel);
      panel = next;
    }
  }

 private:
  struct Place {
    int64_t image, row, column;  // of the first output
  };
  Place place(int64_t tile) const {
    return {tile / (g_.rows * g_.columns), tile / g_.columns % g_.rows * g_.tile,
            tile % g_.columns * g_.tile};
  }

  void transform_input(int64_t tile, int64_t index) {
    const auto [image, row, column] = place(tile);
    const float* pixels[kMaxPositions];
    // Zeros, which padding reads, are so long.
    for (int64_t c = 0; c < s_.in_channels; c += contraction::kMaxBlock) {
      const float** pixel = pixels;
      for (int64_t i = 0; i < g_.inputs; ++i) {
        const int64_t h = row + i - s_.pad[1];
        const float* line = x_ + ((image * s_.in[1] + h) * s_.in[2]) * s_.in_channels + c;
        for (int64_t j = 0; j < g_.inputs; ++j) {
          const int64_t w = column + j - s_.pad[2];
          const bool inside = h >= 0 && h < s_.in[1] && w >= 0 && w < s_.in[2];
          *pixel++ = inside ? line + w * s_.in_channels : contraction::kZeros<float>;
        }
      }
      transforms_.input(pixels, static_cast<size_t>(std::min(contraction::kMaxBlock, s_.in_channels - c)),
                        v_ + index * g_.v_pitch + c, g_.block_tiles * g_.v_pitch);
    }
  }

  /// For every position: products of `count` tiles and `num_panels` panels of the weights from `first_panel` on.
  void multiply(int64_t count, int64_t first_panel, int64_t num_panels) {
    const int64_t channels = s_.in_channels;
    const auto tiles =
        contraction::choose_tiles(table_, count, num_panels, channels, contraction::kFetchingRows);
    const Split rows(count, tiles.row_tiles), panels(num_panels, tiles.column_tiles);
    const float* a[contraction::kMaxTileRows];
    float* c[contraction::kMaxTileRows];
    TileArgs args{.a = a, .k = channels, .panel_stride = channels * table_.width, .c = c};
    for (int64_t p = 0; p < g_.positions; ++p) {
      args.b = packed_ + (p * g_.panels + first_panel) * args.panel_stride;
      const float* next_position = p + 1 < g_.positions ? args.b + g_.panels * args.panel_stride : nullptr;
      for (int64_t j = 0; j < tiles.column_tiles; ++j) {
        const int64_t panel = panels.begin(j), wide = panels.begin(j + 1) - panel;
        args.column = panel * table_.width;
        args.num_columns = wide * table_.width;  // m_ has room for whole panels
        // A block reads the weights once: those of the next tile while the rows of this one are computed.
        const float* next = j + 1 < tiles.column_tiles ? args.b + wide * args.panel_stride : next_position;
        for (int64_t i = 0; i < tiles.row_tiles; ++i) {
          const int64_t row = rows.begin(i), num_rows = rows.begin(i + 1) - row;
          for (int64_t r = 0; r < num_rows; ++r) {
            const int64_t at = p * g_.block_tiles + row + r;
            a[r] = v_ + at * g_.v_pitch;
            c[r] = m_ + at * g_.m_pitch;
          }
          const int64_t fetched = i * contraction::kFetchedFloats;
          args.ahead = next && fetched < args.num_columns ? next + fetched * channels : nullptr;
          table_.rows[wide][num_rows](args);
        }
        args.b = next;
      }
    }
  }

  void transform_output(int64_t tile, int64_t index, int64_t first_panel, int64_t num_panels) {
    const auto [image, row, column] = place(tile);
    const int64_t channel = first_panel * table_.width,
                  channels = std::min(num_panels * table_.width, s_.out_channels - channel);
    float* y[kMaxOutputs];
    const float* residual[kMaxOutputs];
    for (int64_t i = 0, pixel = 0; i < g_.tile; ++i) {
      for (int64_t j = 0; j < g_.tile; ++j, ++pixel) {
        const int64_t h = row + i, w = column + j, at = (image * s_.out[1] + h) * s_.out[2] + w;
        y[pixel] = h < s_.out[1] && w < s_.out[2] ? y_ + at * s_.out_channels + channel : nullptr;
        if (y[pixel] && e_.residual) residual[pixel] = e_.residual + at * e_.residual_stride + channel;
      }
    }
    const Activation& activation = e_.activation;
    const bool clip = activation.kind == ActivationKind::kClip;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    transforms_.output({.sums = m_ + index * g_.m_pitch,
                        .step = g_.block_tiles * g_.m_pitch,
                        .channels = static_cast<size_t>(channels),
                        .bias = e_.bias ? e_.bias + channel : nullptr,
                        .y = y,
                        .residual = e_.residual ? residual : nullptr,
                        .lo = clip ? activation.a : -kInfinity,
                        .hi = clip ? activation.b : kInfinity});
    if (clip || activation.kind == ActivationKind::kNone) return;
    for (int64_t pixel = 0; pixel < g_.tile * g_.tile; ++pixel)
      if (y[pixel]) table_.activate(activation, y[pixel], channels);
  }

  const ContractionTable& table_;
  const winograd::Transforms& transforms_;
  const ConvShape& s_;
  const Grid& g_;
  const float *x_, *packed_;
  float* y_;
  const Epilogue& e_;
  float *v_, *m_;  // [positions, tiles, channels]: transformed inputs, products
};

}  // namespace

size_t winograd_scratch_floats(Isa isa, const ConvShape& s, WinogradTile tile, int num_threads) {
  const Grid g(contraction_table_of(isa), s, tile, num_threads);
  return static_cast<size_t>(num_threads * (g.v_floats() + g.m_floats()));
}

void winograd_forward(Isa isa, ThreadPool& pool, const ConvShape& s, WinogradTile tile, const float* x,
                      const float* packed, float* y, const Epilogue& e, float* scratch) {
  const ContractionTable& table = contraction_table_of(isa);
  const WinogradTable& transforms = winograd_table_of(isa);
  const Grid g(table, s, tile, pool.size());
  const Split blocks(g.num_tiles, g.blocks), parts(g.panels, g.parts);
  const auto run = [&](size_t task, int slot) {
    const int64_t block = static_cast<int64_t>(task) / g.parts, part = static_cast<int64_t>(task) % g.parts;
    Worker(table, tile == WinogradTile::k2x2 ? transforms.f2x2 : transforms.f4x4, s, g, x, packed, y, e,
           scratch + slot * (g.v_floats() + g.m_floats()))
        .run(blocks.begin(block), blocks.begin(block + 1) - blocks.begin(block), parts.begin(part),
             parts.begin(part + 1));
  };
  const size_t tasks = static_cast<size_t>(g.blocks * g.parts);
  if (g.parallel) {
    pool.parallel_for(tasks, run);
  } else {
    for (size_t i = 0; i < tasks; ++i) run(i, 0);
  }
}

}  // namespace dunlin
