// Backward weights: dw[t, c, o] = sum over output pixels m of x(m, t)[c] * dy[m, o]. A is x transposed, found
// through the window's pointers; B is dy, packed block by block. The pixels are summed in chunks, whose
// number depends on the shape only, and the chunks are added in order: the result does not depend on threads.
#include <algorithm>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/conv.h"
#include "kernels/contraction/tiles.h"
#include "kernels/contraction/window.h"

namespace dunlin {
namespace {

using contraction::ceil_div;
using contraction::Split;
using Window = contraction::Window<float>;

// Runs of taps are read as one only while their copies at the border stay small.
constexpr int64_t kMaxRun = 400;

struct Layout {
  int64_t channels, outputs, pixels, weights;  // of one group, except `weights`
  Window window;
  bool gathers;
  int64_t rows, num_taps;  // of A transposed: num_taps matrices of `rows` rows
  int64_t chunks, block;   // pixels are cut into chunks, and those into blocks of at most `block`
  contraction::TileChoice tiles;
  int64_t panels, column_tiles;  // all panels; how many tiles' panels are packed at a time
  // Scratch, in floats: zeros, the sums of each chunk, then for each thread pointers, packed dy and border
  // copies.
  size_t zeros_floats, sums_floats, pointers_floats, packed_floats, copies_floats;

  Layout(const ContractionTable& table, const ConvShape& s)
      : channels(s.in_channels / s.groups),
        outputs(s.out_channels / s.groups),
        pixels(s.out_pixels()),
        weights(s.out_channels * channels * s.taps()),
        window{.x = nullptr,
               .pixel = s.in_channels,
               .out = s.out,
               .in = s.in,
               .stride = s.stride,
               .first = {-s.pad[0], -s.pad[1], -s.pad[2]},
               .step = s.dilation,
               .taps = s.kernel,
               .channels = channels} {
    if (channels * s.kernel[2] <= kMaxRun) window.merge();
    gathers = window.gathers();
    rows = gathers ? window.window_elements() : window.k();
    num_taps = gathers ? 1 : window.num_taps();
    // Few weights give too few tiles to share out: then the pixels are shared out.
    chunks = weights > 64 * 1024 ? 1 : std::clamp<int64_t>(pixels / 1024, 1, 16);
    // Many weights do not stay in a cache between two blocks: then few, long blocks.
    block = weights > 64 * 1024 ? 1024 : 512;
    if (gathers)
      block = std::clamp<int64_t>(32 * 1024 / rows, 64, block);  // the windows should stay in the L2 cache
    block = std::max<int64_t>(1, std::min(block, ceil_div(pixels, chunks)));
    panels = ceil_div(outputs, table.width);
    tiles = contraction::choose_tiles(table, rows, panels, block);
    // So should the packed dy.
    const int64_t tile_panels = std::max<int64_t>(1, ceil_div(panels, tiles.column_tiles));
    column_tiles = std::max<int64_t>(1, 128 * 1024 / (block * table.width * tile_panels));
    zeros_floats = round_up(static_cast<size_t>(rows));
    sums_floats = round_up(static_cast<size_t>(weights)) * static_cast<size_t>(chunks);
    pointers_floats = static_cast<size_t>(block) * sizeof(const float*) / sizeof(float);
    packed_floats = static_cast<size_t>(block * table.width * std::min(panels, column_tiles * tile_panels));
    copies_floats = window.runs ? static_cast<size_t>(block * rows) : 0;
  }

  static size_t round_up(size_t n) { return (n + 15) / 16 * 16; }
  size_t thread_floats() const { return round_up(pointers_floats + packed_floats + copies_floats); }
};

struct Task {
  int64_t group, chunk, column_begin, column_end;  // tiles
};

// Adds one chunk's pixels up into sums: [taps, k, outputs] of one group.
void sum_chunk(const ContractionTable& table, const ConvShape& s, const Layout& l, const Task& task,
               const float* x, const float* zeros, const float* dy, float* sums, float* scratch) {
  const float** pointers = reinterpret_cast<const float**>(scratch);
  float* packed = scratch + l.pointers_floats;
  float* copies = packed + l.packed_floats;
  Window window = l.window;
  window.x = x + task.group * l.channels;
  window.zeros = zeros;
  const float* dy_group = dy + task.group * l.outputs;

  float* c[contraction::kMaxTileRows];
  const Split row_tiles(l.rows, l.tiles.row_tiles), column_tiles(l.panels, l.tiles.column_tiles);
  const Split chunks(l.pixels, l.chunks);
  const int64_t begin = chunks.begin(task.chunk), end = chunks.begin(task.chunk + 1);
  const int64_t num_blocks = ceil_div(end - begin, l.block);
  const Split blocks(end - begin, std::max<int64_t>(num_blocks, 1));
  const auto add_block = [&](int64_t block, int64_t first_tile, int64_t last_tile) {
    const int64_t pixel = begin + blocks.begin(block), count = begin + blocks.begin(block + 1) - pixel;
    const int64_t first_panel = column_tiles.begin(first_tile), first_column = first_panel * table.width;
    contraction::pack_panels(table.width, 0, column_tiles.begin(last_tile) - first_panel, count, 0, count,
                             l.outputs - first_column, dy_group + pixel * s.out_channels + first_column,
                             s.out_channels, 1, packed);
    if (l.gathers) {
      window.gather(table.copy_runs, pixel, count, copies);
      for (int64_t i = 0; i < count; ++i) pointers[i] = copies + i * l.rows;
    }
    for (int64_t tap = 0; tap < l.num_taps; ++tap) {
      if (!l.gathers) {
        window.rows({.row = pixel,
                     .count = static_cast<int>(count),
                     .tap = tap,
                     .num_taps = 1,
                     .k = 0,
                     .num_k = l.rows,
                     .buffer = copies},
                    pointers);
      }
      contraction::TileArgs args{.a = pointers,
                                 .k = count,
                                 .panel_stride = count * table.width,
                                 .c = c,
                                 .addend = block > 0 ? c : nullptr};
      for (int64_t i = 0; i < l.tiles.row_tiles; ++i) {
        args.a_column = row_tiles.begin(i);
        const int num_rows = static_cast<int>(row_tiles.begin(i + 1) - args.a_column);
        for (int r = 0; r < num_rows; ++r) c[r] = sums + (tap * l.rows + args.a_column + r) * l.outputs;
        for (int64_t j = first_tile; j < last_tile; ++j) {
          const int64_t panel = column_tiles.begin(j);
          const int64_t num_panels = column_tiles.begin(j + 1) - panel;
          args.column = panel * table.width;
          args.num_columns = std::min(num_panels * table.width, l.outputs - args.column);
          args.b = packed + (panel - first_panel) * count * table.width;
          table.columns[num_panels][num_rows](args);
        }
      }
    }
  };
  for (int64_t tile = task.column_begin; tile < task.column_end; tile += l.column_tiles) {
    for (int64_t block = 0; block < num_blocks; ++block) {
      add_block(block, tile, std::min(tile + l.column_tiles, task.column_end));
    }
  }
}

// dw[o, c, t] (+)= the chunks' sums[t, c, o], for outputs [begin, end) of a group.
void add_chunks(const Layout& l, int64_t taps, const float* sums, ptrdiff_t chunk_stride, int64_t begin,
                int64_t end, bool accumulate, float* dw) {
  constexpr int64_t kStep = 16;  // a cache line of sums
  float line[kStep];
  for (int64_t o = begin; o < end; o += kStep) {
    const int64_t n = std::min(kStep, end - o);
    for (int64_t c = 0; c < l.channels; ++c) {
      for (int64_t t = 0; t < taps; ++t) {
        const float* from = sums + (t * l.channels + c) * l.outputs + o;
        std::copy(from, from + n, line);
        for (int64_t chunk = 1; chunk < l.chunks; ++chunk) {
          for (int64_t j = 0; j < n; ++j) line[j] += from[chunk * chunk_stride + j];
        }
        float* to = dw + (o * l.channels + c) * taps + t;
        if (accumulate) {
          for (int64_t j = 0; j < n; ++j) to[j * l.channels * taps] += line[j];
        } else {
          for (int64_t j = 0; j < n; ++j) to[j * l.channels * taps] = line[j];
        }
      }
    }
  }
}

}  // namespace

size_t conv_backward_weights_scratch_floats(Isa isa, const ConvShape& s, int num_threads) {
  const Layout l(contraction_table_of(isa), s);
  return l.zeros_floats + l.sums_floats + l.thread_floats() * static_cast<size_t>(num_threads) + 16;
}

void conv_backward_weights(Isa isa, ThreadPool& pool, const ConvShape& s, const float* x, const float* dy,
                           float* dw, bool accumulate, float* scratch) {
  const ContractionTable& table = contraction_table_of(isa);
  const Layout l(table, s);
  if (l.weights == 0) return;
  // Pointers lie in the scratch: align it for them, and for vectors.
  scratch = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch) + 63) / 64 * 64);
  float* const zeros = scratch;
  float* const sums = zeros + l.zeros_floats;
  float* const threads = sums + l.sums_floats;
  std::fill(zeros, zeros + l.zeros_floats, 0.f);

  const int64_t group_weights = l.weights / s.groups;
  const ptrdiff_t chunk_stride = static_cast<ptrdiff_t>(Layout::round_up(static_cast<size_t>(l.weights)));
  if (l.pixels == 0) std::fill(sums, sums + l.sums_floats, 0.f);
  // Columns are shared out too when there are fewer chunks than threads.
  const int64_t parts = std::min(l.tiles.column_tiles, ceil_div(pool.size(), s.groups * l.chunks));
  const Split column_parts(l.tiles.column_tiles, parts);
  const auto sum = [&](size_t index, int slot) {
    const int64_t i = static_cast<int64_t>(index), part = i % parts;
    const Task task{i / parts / l.chunks, i / parts % l.chunks, column_parts.begin(part),
                    column_parts.begin(part + 1)};
    sum_chunk(table, s, l, task, x, zeros, dy, sums + task.chunk * chunk_stride + task.group * group_weights,
              threads + static_cast<size_t>(slot) * l.thread_floats());
  };
  const int64_t output_steps = ceil_div(l.outputs, 16);
  const auto add = [&](size_t index, int) {
    const int64_t group = static_cast<int64_t>(index) / output_steps,
                  step = static_cast<int64_t>(index) % output_steps;
    add_chunks(l, s.taps(), sums + group * group_weights, chunk_stride, step * 16,
               std::min(l.outputs, step * 16 + 16), accumulate, dw + group * group_weights);
  };
  const auto share_out = [&](int64_t count, double work, const auto& body) {
    if (work >= 400e3) return pool.parallel_for(static_cast<size_t>(count), body);
    for (int64_t i = 0; i < count; ++i) body(static_cast<size_t>(i), 0);
  };
  share_out(s.groups * l.chunks * parts, static_cast<double>(l.pixels) * static_cast<double>(l.weights), sum);
  share_out(s.groups * output_steps, 20. * static_cast<double>(l.weights * l.chunks), add);
}

}  // namespace dunlin
