#include "kernels/contraction/bf16_microkernel_simd.h"

#include "kernels/contraction/tile_table-inl.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

using contraction::Bf16TileArgs;

// A panel is a vector, or as many vectors as make 8 floats, as for f32.
constexpr int kWidth = kLanes < 8 ? 8 : static_cast<int>(kLanes);
constexpr int kPanelVectors = kWidth / static_cast<int>(kLanes);

/// Two neighbouring k of every lane.
struct Pairs {
#ifdef DUNLIN_SIMD_BF16
  __m512bh raw;
#else
  VF even, odd;
#endif
};

HWY_INLINE Pairs pairs_of(hn::Vec<U32> codes) {
#ifdef DUNLIN_SIMD_BF16
  return {reinterpret_cast<__m512bh>(codes.raw)};
#else
  const F32 d;
  return {hn::BitCast(d, hn::ShiftLeft<16>(codes)),
          hn::BitCast(d, hn::And(codes, hn::Set(U32(), 0xffff0000u)))};
#endif
}

HWY_INLINE Pairs load_pairs(const BFloat16* p) {
  return pairs_of(hn::LoadU(U32(), reinterpret_cast<const uint32_t*>(p)));
}

/// One pair in all lanes; without its second, which lies behind the row's end, zero.
HWY_INLINE Pairs repeat_pair(const BFloat16* p) {
  uint32_t code;
  std::memcpy(&code, p, sizeof code);
  return pairs_of(hn::Set(U32(), code));
}
HWY_INLINE Pairs repeat_last(const BFloat16* p) { return pairs_of(hn::Set(U32(), uint32_t{p->bits})); }

HWY_INLINE VF add_products(const Pairs& a, const Pairs& b, VF sum) {
#ifdef DUNLIN_SIMD_BF16
  return VF{_mm512_dpbf16_ps(sum.raw, a.raw, b.raw)};
#else
  return hn::MulAdd(a.odd, b.odd, hn::MulAdd(a.even, b.even, sum));
#endif
}

// Most rows of a tile of 1, 2, ... panels: all accumulators, one row of B and one pair of A stay in registers,
// where a pair is two of them without the instruction.
#if defined(DUNLIN_SIMD_BF16)  // 32 registers
constexpr int kMaxRows[] = {0, 24, 14, 9, 6, 5, 4, 3, 2};
constexpr int kUnroll = 4;
#elif HWY_TARGET == HWY_AVX3  // 32 registers
constexpr int kMaxRows[] = {0, 24, 12, 8, 5, 4, 3, 2, 1};
constexpr int kUnroll = 1;
#elif HWY_TARGET == HWY_NEON  // 32 registers, a panel takes two
constexpr int kMaxRows[] = {0, 12, 5, 2, 1, 0, 0, 0, 0};
constexpr int kUnroll = 1;
#elif HWY_TARGET == HWY_AVX2  // 16 registers
constexpr int kMaxRows[] = {0, 12, 5, 2, 1, 0, 0, 0, 0};
constexpr int kUnroll = 1;
#else
constexpr int kMaxRows[] = {0, 2, 1, 0, 0, 0, 0, 0, 0};
constexpr int kUnroll = 1;
#endif

/// Adds a tile's addend to its sums in memory.
template <typename T>
void add_rows(const T* const* addend, ptrdiff_t column, int rows, size_t columns, size_t stride,
              float* sums) {
  for (int i = 0; i < rows; ++i, sums += stride) {
    const T* row = addend[i] + column;
    for_lanes(columns, [&](size_t j, auto load, auto store)
                           HWY_ATTR { store(hn::Add(load(sums + j), load(row + j)), sums + j); });
  }
}

/// What a tile does at the right edge, or with an activation that takes more than a clip: through memory, out of line,
/// which keeps the tiles small.
HWY_NOINLINE void finish_in_memory(const Bf16TileArgs& t, float* sums, int rows, size_t stride) {
  const size_t columns = static_cast<size_t>(t.num_columns);
  if (t.addend) add_rows(t.addend, t.column, rows, columns, stride, sums);
  if (t.wide_addend) add_rows(t.wide_addend, t.column, rows, columns, stride, sums);
  with_activation(t.activation, [&](auto act) HWY_ATTR {
    const auto store_rows = [&](auto* const* c) HWY_ATTR {
      for (int i = 0; i < rows; ++i, sums += stride) {
        auto* row = c[i] + t.column;
        for_lanes(columns, [&](size_t j, auto load, auto store) HWY_ATTR {
          store(act.template apply_for<std::remove_cvref_t<decltype(*row)>>(load(sums + j)), row + j);
        });
      }
    };
    if (t.c) return store_rows(t.c);
    store_rows(t.wide_c);
  });
}

// The accumulators of a tile. Each step runs over all of them in registers, behind one branch.
template <int kRows, int kVectors>
struct Sums {
  VF at[kRows][kVectors];

  template <typename F>
  HWY_INLINE void for_each(const F& f) {
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) at[i][v] = f(i, v, at[i][v]);
    }
  }

  HWY_INLINE void begin(const float* bias) {
    VF start[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) start[v] = bias ? load_lanes(bias + v * kLanes) : constant(0);
    for_each([&](int, int v, VF) HWY_ATTR { return start[v]; });
  }

  HWY_INLINE void finish(const Bf16TileArgs& t) {
    constexpr size_t kColumns = kVectors * kLanes;
    const ActivationKind kind = t.activation.kind;
    const bool clips = kind == ActivationKind::kClip;
    if (t.num_columns != kColumns || (kind != ActivationKind::kNone && !clips)) {
      HWY_ALIGN float sums[kRows * kColumns];
      for_each([&](int i, int v, VF x) HWY_ATTR {
        hn::Store(x, F32(), sums + static_cast<size_t>(i) * kColumns + static_cast<size_t>(v) * kLanes);
        return x;
      });
      return finish_in_memory(t, sums, kRows, kColumns);
    }
    if (t.addend) add(t.addend, t.column);
    if (t.wide_addend) add(t.wide_addend, t.column);
    if (clips) {
      const VF lo = constant(t.activation.a), hi = constant(t.activation.b);
      for_each([&](int, int, VF x) HWY_ATTR { return at_most(at_least(x, lo), hi); });
    }
    if (t.c) return store(t.c, t.column);
    store(t.wide_c, t.column);
  }

 private:
  template <typename T>
  HWY_INLINE void add(const T* const* addend, ptrdiff_t column) {
    for_each([&](int i, int v, VF x) HWY_ATTR {
      return hn::Add(x, load_lanes(addend[i] + column + static_cast<size_t>(v) * kLanes));
    });
  }
  template <typename T>
  HWY_INLINE void store(T* const* c, ptrdiff_t column) {
    for_each([&](int i, int v, VF x) HWY_ATTR {
      store_lanes(x, c[i] + column + static_cast<size_t>(v) * kLanes);
      return x;
    });
  }
};

template <int kRows, int kPanels>
void rows_tile(const Bf16TileArgs& t) {
  constexpr int kVectors = kPanels * kPanelVectors;
  Sums<kRows, kVectors> sums;
  sums.begin(t.bias);
  const BFloat16* b = t.b;
  const ptrdiff_t panel_stride = t.panel_stride;
  const auto load_b = [&](Pairs(&vb)[kVectors]) HWY_ATTR {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      vb[v] = load_pairs(b + (v / kPanelVectors) * panel_stride + (v % kPanelVectors) * 2 * kLanes);
    }
    b += 2 * kWidth;
  };
  const int64_t even_k = t.k & ~int64_t{1};
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const BFloat16* a[kRows];
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) a[i] = t.a[tap * kRows + i];
    int64_t k = 0;
    // A tall tile has more row pointers than there are registers: several steps share the loading of one.
    if constexpr (kVectors == 1 && kRows > 12 && kUnroll > 1) {
      for (; k + 2 * kUnroll <= even_k; k += 2 * kUnroll) {
        Pairs vb[kUnroll];
#pragma GCC unroll 4
        for (int u = 0; u < kUnroll; ++u) vb[u] = load_pairs(b + u * 2 * kWidth);
#pragma GCC unroll 24
        for (int i = 0; i < kRows; ++i) {
          const BFloat16* row = a[i] + k;
#pragma GCC unroll 4
          for (int u = 0; u < kUnroll; ++u) {
            sums.at[i][0] = add_products(repeat_pair(row + 2 * u), vb[u], sums.at[i][0]);
          }
        }
        b += kUnroll * 2 * kWidth;
      }
    }
    for (; k < even_k; k += 2) {
      Pairs vb[kVectors];
      load_b(vb);
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) {
        const Pairs va = repeat_pair(a[i] + k);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums.at[i][v] = add_products(va, vb[v], sums.at[i][v]);
      }
    }
    if (k < t.k) {
      Pairs vb[kVectors];
      load_b(vb);
#pragma GCC unroll 24
      for (int i = 0; i < kRows; ++i) {
        const Pairs va = repeat_last(a[i] + k);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums.at[i][v] = add_products(va, vb[v], sums.at[i][v]);
      }
    }
  }
  sums.finish(t);
}

struct Tiles {
  static constexpr auto& kMaxRows = HWY_NAMESPACE::kMaxRows;
  template <int kRows, int kPanels>
  static constexpr void put(contraction::Bf16Table& table) {
    table.rows[kPanels][kRows] = rows_tile<kRows, kPanels>;
  }
};

constexpr contraction::Bf16Table make_table() {
  contraction::Bf16Table table{};
  table.width = kWidth;
  table.lanes = static_cast<int>(kLanes);
  fill_tiles<Tiles>(table);
  return table;
}

}  // namespace

constexpr Bf16ContractionTable bf16_contraction_table = make_table();

}  // namespace dunlin::HWY_NAMESPACE
