#include "kernels/contraction/int8_microkernel_simd.h"

#include "kernels/contraction/tile_table-inl.h"
#include "kernels/simd/int8_dot-inl.h"
#include "kernels/simd/int8_output-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

using contraction::Int8TileArgs;

// As in microkernel_simd.cc: a panel is a vector or several, and a tile's sums stay in registers.
constexpr int kWidth = kLanes < 8 ? 8 : static_cast<int>(kLanes);
constexpr int kPanelVectors = kWidth / static_cast<int>(kLanes);

#if HWY_TARGET == HWY_AVX3
constexpr int kMaxRows[] = {0, 24, 14, 9, 6, 5, 4, 3, 2};
#elif HWY_TARGET == HWY_NEON
constexpr int kMaxRows[] = {0, 8, 4, 2, 1, 1, 1, 1, 0};
#elif HWY_TARGET == HWY_AVX2  // A and B take two registers each
constexpr int kMaxRows[] = {0, 8, 4, 2, 1, 1, 0, 0, 0};
#else
constexpr int kMaxRows[] = {0, 2, 1, 0, 0, 0, 0, 0, 0};
#endif

template <int kRows, int kVectors>
HWY_INLINE void step(const uint32_t (&a)[kRows], const int8_t* b, ptrdiff_t panel_stride,
                     VI (&acc)[kRows][kVectors]) {
  QuadOfLanes vb[kVectors];
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v) {
    vb[v] = load_quads(b + (v / kPanelVectors) * panel_stride +
                       (v % kPanelVectors) * 4 * static_cast<ptrdiff_t>(kLanes));
  }
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i) {
    const Quad va = quad_of(a[i]);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) acc[i][v] = add_quad(acc[i][v], va, vb[v]);
  }
}

template <int kRows, int kVectors>
HWY_INLINE void begin_tile(const Int8TileArgs& t, VI (&acc)[kRows][kVectors]) {
  const I32 d;
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v) {
    const ptrdiff_t at = v * static_cast<ptrdiff_t>(kLanes);
    if (t.begins_with_sums) {
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) acc[i][v] = hn::LoadU(d, t.sums[i] + t.column + at);
    } else {
      const VI bias = hn::LoadU(d, t.bias + at);
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) acc[i][v] = bias;
    }
  }
}

template <Int8Output::Kind kKind, int kRows, int kVectors>
HWY_INLINE void store_rows(const Int8TileArgs& t, const VI (&acc)[kRows][kVectors], std::byte* const* c,
                           ptrdiff_t column) {
  const Int8Store out(t.output);
  const float* scale = t.scale + t.column;
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v) {
    const ptrdiff_t at = v * static_cast<ptrdiff_t>(kLanes);
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) out.store<kKind>(acc[i][v], scale + at, c[i], column + at);
  }
}

template <int kRows, int kVectors>
HWY_INLINE void store_tile(const Int8TileArgs& t, const VI (&acc)[kRows][kVectors]) {
  constexpr int kColumns = kVectors * static_cast<int>(kLanes);
  if (t.ends_with_sums) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i)
        hn::StoreU(acc[i][v], I32(), t.sums[i] + t.column + v * static_cast<ptrdiff_t>(kLanes));
    }
    return;
  }
  with_int8_output(t.output, [&](auto kind) HWY_ATTR {
    if (t.num_columns == kColumns) return store_rows<kind()>(t, acc, t.c, t.column);
    // A tile whose last panel is partial goes through memory.
    std::byte rows[kRows * kColumns * 4];
    std::byte* pointers[kRows];
    const size_t bytes = t.output.element_bytes();
    for (int i = 0; i < kRows; ++i) pointers[i] = rows + static_cast<size_t>(i * kColumns) * bytes;
    store_rows<kind()>(t, acc, pointers, 0);
    for (int i = 0; i < kRows; ++i) {
      std::memcpy(t.c[i] + static_cast<size_t>(t.column) * bytes, pointers[i],
                  static_cast<size_t>(t.num_columns) * bytes);
    }
  });
}

template <int kRows, int kPanels>
void rows_tile(const Int8TileArgs& t) {
  constexpr int kVectors = kPanels * kPanelVectors;
  VI acc[kRows][kVectors];
  begin_tile(t, acc);
  const int8_t* b = t.b;
  const ptrdiff_t panel_stride = t.panel_stride;
  const int64_t num_k = t.k;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const uint8_t* a[kRows];
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) a[i] = t.a[tap * kRows + i];
    int64_t k = 0;
    for (; k + 4 <= num_k; k += 4, b += 4 * kWidth) {
      uint32_t group[kRows];
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) group[i] = group_at(a[i] + k);
      step(group, b, panel_stride, acc);
    }
    if (k < num_k) {
      uint32_t group[kRows];
      for (int i = 0; i < kRows; ++i) group[i] = partial_group(a[i] + k, num_k - k);
      step(group, b, panel_stride, acc);
      b += 4 * kWidth;
    }
  }
  store_tile(t, acc);
}

void copy_runs(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride, int64_t count,
               int64_t run) {
#if HWY_TARGET == HWY_AVX3
  const hn::ScalableTag<uint8_t> d;
  if (run < static_cast<int64_t>(hn::Lanes(d))) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(run));
    for (; count > 0; --count, from += from_stride, to += to_stride)
      hn::BlendedStore(hn::MaskedLoad(mask, d, from), mask, d, to);
    return;
  }
#endif
  for (; count > 0; --count, from += from_stride, to += to_stride)
    std::memcpy(to, from, static_cast<size_t>(run));
}

struct Tiles {
  static constexpr auto& kMaxRows = HWY_NAMESPACE::kMaxRows;
  template <int kRows, int kPanels>
  static constexpr void put(contraction::Int8Table& table) {
    table.rows[kPanels][kRows] = rows_tile<kRows, kPanels>;
  }
};

constexpr contraction::Int8Table make_table() {
  contraction::Int8Table table{};
  table.width = kWidth;
  table.lanes = static_cast<int>(kLanes);
  table.copy_runs = copy_runs;
  fill_tiles<Tiles>(table);
  return table;
}

}  // namespace

constexpr Int8ContractionTable int8_contraction_table = make_table();

}  // namespace dunlin::HWY_NAMESPACE
