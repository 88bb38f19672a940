#include "kernels/contraction/microkernel_simd.h"

#include <limits>
#include <type_traits>

#include "kernels/contraction/tile_table-inl.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

using contraction::TileArgs;

// A panel is a vector, or as many vectors as make 8 floats: narrower panels would be too many streams.
constexpr int kWidth = kLanes < 8 ? 8 : static_cast<int>(kLanes);
constexpr int kPanelVectors = kWidth / static_cast<int>(kLanes);

// Most rows of a tile of 1, 2, ... panels: all accumulators, one row of B and one element of A stay in
// registers.
#if HWY_TARGET == HWY_AVX3  // 32 registers
constexpr int kMaxRows[] = {0, 24, 14, 9, 6, 5, 4, 3, 2};
constexpr int kUnroll = 4;
#elif HWY_TARGET == HWY_NEON  // 32 registers, a panel takes two
constexpr int kMaxRows[] = {0, 10, 5, 3, 2, 2, 1, 1, 0};
constexpr int kUnroll = 1;
#elif HWY_TARGET == HWY_AVX2  // 16 registers
constexpr int kMaxRows[] = {0, 12, 6, 4, 2, 2, 1, 1, 1};
constexpr int kUnroll = 1;
#else
constexpr int kMaxRows[] = {0, 2, 1, 0, 0, 0, 0, 0, 0};
constexpr int kUnroll = 1;
#endif

// A tile whose last panel is partial, from its sums in memory. Out of line: it keeps the tiles small.
HWY_NOINLINE void store_edge(const TileArgs& t, const float* sums, int rows, int columns) {
  const F32 d;
  const VF beta = hn::Set(d, t.beta), lo = hn::Set(d, t.lo), hi = hn::Set(d, t.hi);
  for (int i = 0; i < rows; ++i, sums += columns) {
    float* c = t.c[i] + t.column;
    const float* addend = t.addend ? t.addend[i] + t.column : nullptr;
    for_lanes(static_cast<size_t>(t.num_columns), [&](size_t j, auto load, auto store) HWY_ATTR {
      VF x = hn::Load(d, sums + j);
      if (addend) x = hn::MulAdd(load(addend + j), beta, x);
      if (t.clip) x = at_most(at_least(x, lo), hi);
      store(x, c + j);
    });
  }
}

template <int kRows, int kVectors>
HWY_INLINE void begin_tile(const TileArgs& t, VF (&acc)[kRows][kVectors]) {
  const F32 d;
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v) acc[0][v] = t.bias ? hn::LoadU(d, t.bias + v * kLanes) : hn::Zero(d);
#pragma GCC unroll 24
  for (int i = 1; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) acc[i][v] = acc[0][v];
  }
}

// Each step runs over all accumulators in registers, behind one branch.
template <int kRows, int kVectors>
HWY_INLINE void store_tile(const TileArgs& t, VF (&acc)[kRows][kVectors]) {
  const F32 d;
  if (t.alpha != 1.f) {
    const VF alpha = hn::Set(d, t.alpha);
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) acc[i][v] = hn::Mul(acc[i][v], alpha);
    }
  }
  if (t.num_columns != kVectors * static_cast<int64_t>(kLanes)) {
    HWY_ALIGN float sums[kRows * kVectors * kLanes];
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) hn::Store(acc[i][v], d, sums + (i * kVectors + v) * kLanes);
    }
    return store_edge(t, sums, kRows, kVectors * static_cast<int>(kLanes));
  }
  if (t.addend) {
    const VF beta = hn::Set(d, t.beta);
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
      const float* addend = t.addend[i] + t.column;
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        acc[i][v] = hn::MulAdd(hn::LoadU(d, addend + v * kLanes), beta, acc[i][v]);
      }
    }
  }
  if (t.clip) {
    const VF lo = hn::Set(d, t.lo), hi = hn::Set(d, t.hi);
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) acc[i][v] = at_most(at_least(acc[i][v], lo), hi);
    }
  }
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i) {
    float* c = t.c[i] + t.column;
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) hn::StoreU(acc[i][v], d, c + v * kLanes);
  }
}

template <int kRows, int kPanels>
void rows_tile(const TileArgs& t) {
  constexpr int kVectors = kPanels * kPanelVectors;
  const F32 d;
  VF acc[kRows][kVectors];
  begin_tile(t, acc);
  const float* b = t.b;
  const ptrdiff_t panel_stride = t.panel_stride;
  const int64_t num_k = t.k;
  const float* ahead = t.ahead ? t.ahead : b;
  const ptrdiff_t ahead_step = t.ahead ? contraction::kFetchedFloats : 0;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* a[kRows];
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) a[i] = t.a[tap * kRows + i];
    int64_t k = 0;
    // A tall tile has more row pointers than there are registers: several steps share the loading of one.
    if constexpr (kVectors == 1 && kRows > 12 && kUnroll > 1) {
      for (; k + kUnroll <= num_k; k += kUnroll) {
        VF vb[kUnroll];
#pragma GCC unroll 4
        for (int u = 0; u < kUnroll; ++u) vb[u] = hn::LoadU(d, b + u * kWidth);
#pragma GCC unroll 24
        for (int i = 0; i < kRows; ++i) {
          const float* row = a[i] + k;
#pragma GCC unroll 4
          for (int u = 0; u < kUnroll; ++u) acc[i][0] = hn::MulAdd(hn::Set(d, row[u]), vb[u], acc[i][0]);
        }
        b += kUnroll * kWidth;
      }
    }
    for (; k < num_k; ++k) {
      // Such a tile is bound by arithmetic: loads are free.
      if constexpr (kRows <= contraction::kFetchingRows && kVectors > 1) {
        for (int line = 0; line < contraction::kFetchedFloats; line += 16) __builtin_prefetch(ahead + line);
        ahead += ahead_step;
      }
      VF vb[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        vb[v] = hn::LoadU(d, b + (v / kPanelVectors) * panel_stride + (v % kPanelVectors) * kLanes);
      }
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) {
        const VF va = hn::Set(d, a[i][k]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) acc[i][v] = hn::MulAdd(va, vb[v], acc[i][v]);
      }
      b += kWidth;
    }
  }
  store_tile(t, acc);
}

template <int kRows, int kPanels>
void columns_tile(const TileArgs& t) {
  constexpr int kVectors = kPanels * kPanelVectors;
  const F32 d;
  VF acc[kRows][kVectors];
  begin_tile(t, acc);
  const float* b = t.b;
  const ptrdiff_t panel_stride = t.panel_stride, column = t.a_column;
  const int64_t num_k = t.k;
  const float* const* rows = t.a;
  for (int64_t k = 0; k < num_k; ++k) {
    const float* a = rows[k] + column;
    VF vb[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      vb[v] = hn::LoadU(d, b + (v / kPanelVectors) * panel_stride + (v % kPanelVectors) * kLanes);
    }
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
      const VF va = hn::Set(d, a[i]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) acc[i][v] = hn::MulAdd(va, vb[v], acc[i][v]);
    }
    b += kWidth;
  }
  store_tile(t, acc);
}

void activate(const Activation& activation, float* row, int64_t n) {
  with_activation(activation, [&](auto act) HWY_ATTR {
    for_lanes(static_cast<size_t>(n),
              [&](size_t i, auto load, auto store) HWY_ATTR { store(act.apply(load(row + i)), row + i); });
  });
}

void copy_runs(const float* from, ptrdiff_t from_stride, float* to, ptrdiff_t to_stride, int64_t count,
               int64_t run) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(kLanes);
  if (run >= lanes) {
    for (; count > 0; --count, from += from_stride, to += to_stride) {
      for (int64_t i = 0; i < run - lanes; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
      hn::StoreU(hn::LoadU(d, from + run - lanes), d, to + run - lanes);  // may overlap the one before
    }
    return;
  }
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  const auto mask = hn::FirstN(d, static_cast<size_t>(run));
  for (; count > 0; --count, from += from_stride, to += to_stride) {
    hn::BlendedStore(hn::MaskedLoad(mask, d, from), mask, d, to);
  }
#else
  for (; count > 0; --count, from += from_stride, to += to_stride) {
    for (int64_t i = 0; i < run; ++i) to[i] = from[i];
  }
#endif
}

struct Tiles {
  static constexpr auto& kMaxRows = HWY_NAMESPACE::kMaxRows;
  template <int kRows, int kPanels>
  static constexpr void put(contraction::Table& table) {
    table.rows[kPanels][kRows] = rows_tile<kRows, kPanels>;
    table.columns[kPanels][kRows] = columns_tile<kRows, kPanels>;
  }
};

constexpr contraction::Table make_table() {
  contraction::Table table{};
  table.width = kWidth;
  table.lanes = static_cast<int>(kLanes);
  table.activate = activate;
  table.copy_runs = copy_runs;
  fill_tiles<Tiles>(table);
  return table;
}

}  // namespace

constexpr ContractionTable contraction_table = make_table();

}  // namespace dunlin::HWY_NAMESPACE
