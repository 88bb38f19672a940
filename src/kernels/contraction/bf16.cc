#include "kernels/contraction/bf16.h"

#include "kernels/contraction/bf16_microkernel_simd.h"
#include "kernels/contraction/forward.h"
#include "kernels/contraction/part.h"

namespace dunlin {
namespace contraction {
namespace {

/// A and B are bf16, C is float or bf16.
template <typename Out>
struct Bf16 {
  using A = BFloat16;
  using B = BFloat16;
  using C = Out;
  using Sum = float;
  using Bias = float;
  using Table = Bf16Table;
  using Tile = Bf16TileArgs;
  struct Finish {
    const float* bias = nullptr;
    Activation activation;
  };
  using Product = ProductOf<Bf16>;
  static constexpr int64_t kGroup = 2;
  static constexpr bool kSumsInC = std::is_same_v<C, float>;

  static const float* tile_bias(const Product& p) { return p.finish.bias; }

  static Tile begin_block(const Product& p, const BlockRows<Bf16>& rows) {
    Tile t;
    if constexpr (kSumsInC) {
      t.wide_c = rows.c;
      t.wide_addend = rows.first ? rows.residual : rows.sums;
    } else {
      if (rows.last) t.c = rows.c;
      if (!rows.last) t.wide_c = rows.sums;
      if (rows.first) t.addend = rows.residual;
      if (!rows.first) t.wide_addend = rows.sums;
    }
    if (rows.last) t.activation = p.finish.activation;
    return t;
  }

  static void run_tile(const Product& p, const Tile& t, int64_t panels, int rows) {
    p.table->rows[panels][rows](t);
  }
  static void finish_rows(const Product&, C* const*, int, int64_t, int64_t) {}  // tiles do everything
};

size_t packed_size(const TileShapes& table, int64_t taps, int64_t k, int64_t n) {
  return static_cast<size_t>(ceil_div(n, table.width) * table.width * taps * ceil_div(k, 2) * 2);
}

/// Packs a B of taps x k rows, whose element in row i of tap t and column j is at(t, i, j).
template <typename At>
void pack_pairs(ThreadPool& pool, const TileShapes& table, int64_t taps, int64_t k, int64_t n, const At& at,
                BFloat16* packed) {
  const int64_t width = table.width, steps = ceil_div(k, 2);
  const auto pack = [&](size_t panel, int) {
    const int64_t column = static_cast<int64_t>(panel) * width, columns = std::min(width, n - column);
    BFloat16* to = packed + static_cast<int64_t>(panel) * taps * steps * 2 * width;
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t i = 0; i < steps * 2; i += 2, to += 2 * width) {
        for (int64_t j = 0; j < columns; ++j) {
          to[2 * j] = BFloat16(at(t, i, column + j));
          to[2 * j + 1] = i + 1 < k ? BFloat16(at(t, i + 1, column + j)) : BFloat16();
        }
        std::fill(to + 2 * columns, to + 2 * width, BFloat16());
      }
    }
  };
  const size_t panels = static_cast<size_t>(ceil_div(n, width));
  if (taps * k * n >= 32 * 1024) {
    pool.parallel_for(panels, pack);
  } else {
    for (size_t panel = 0; panel < panels; ++panel) pack(panel, 0);
  }
}

/// How the forward pass reads a window: taps, and elements of each.
struct Reduction {
  int64_t taps, k;
  explicit Reduction(const ConvShape& s) {
    const auto window = forward_window<BFloat16>(s, nullptr);
    taps = window.num_taps();
    k = window.k();
  }
};

}  // namespace
}  // namespace contraction

size_t packed_b_bf16(Isa isa, int64_t k, int64_t n) {
  return contraction::packed_size(bf16_contraction_table_of(isa), 1, k, n);
}

void pack_b(Isa isa, ThreadPool& pool, int64_t k, int64_t n, const float* b, ptrdiff_t row_stride,
            ptrdiff_t column_stride, BFloat16* packed) {
  contraction::pack_pairs(
      pool, bf16_contraction_table_of(isa), 1, k, n,
      [=](int64_t, int64_t i, int64_t j) { return b[i * row_stride + j * column_stride]; }, packed);
}

template <typename C>
void gemm(Isa isa, ThreadPool& pool, const GemmShape& s, const BFloat16* a, const BFloat16* packed_b, C* c,
          const EpilogueOf<C>& e) {
  using Member = contraction::Bf16<C>;
  const auto rows = [&](const contraction::RowBlockOf<BFloat16>& block, const BFloat16** pointers) {
    for (int i = 0; i < block.count; ++i) pointers[i] = a + (block.row + i) * s.lda + block.k;
  };
  const auto outputs = [&](int64_t row, int count, C** out, const C** residual) {
    for (int i = 0; i < count; ++i) {
      out[i] = c + (row + i) * s.ldc;
      if (e.residual) residual[i] = e.residual + (row + i) * e.residual_stride;
    }
  };
  contraction::run_parts<Member>(&pool, {.table = &bf16_contraction_table_of(isa),
                                         .m = s.m,
                                         .n = s.n,
                                         .taps = 1,
                                         .k = s.k,
                                         .row_stride = s.lda,
                                         .packed_b = packed_b,
                                         .rows = rows,
                                         .outputs = outputs,
                                         .has_residual = e.residual != nullptr,
                                         .finish = {.bias = e.bias, .activation = e.activation}});
}

size_t conv_packed_bf16(Isa isa, const ConvShape& s) {
  const contraction::Reduction r(s);
  return static_cast<size_t>(s.groups) *
         contraction::packed_size(bf16_contraction_table_of(isa), r.taps, r.k, s.out_channels / s.groups);
}

void conv_pack(Isa isa, ThreadPool& pool, const ConvShape& s, const float* w, BFloat16* packed) {
  const contraction::Reduction r(s);
  const int64_t channels = s.in_channels / s.groups, outputs = s.out_channels / s.groups, taps = s.taps();
  const size_t group_size = conv_packed_bf16(isa, s) / static_cast<size_t>(s.groups);
  for (int64_t group = 0; group < s.groups; ++group) {
    const float* from = w + group * outputs * channels * taps;
    contraction::pack_pairs(
        pool, bf16_contraction_table_of(isa), r.taps, r.k, outputs,
        [&](int64_t t, int64_t i, int64_t j) {
          const int64_t element = t * r.k + i;  // of a window, channels last
          return from[(j * channels + element % channels) * taps + element / channels];
        },
        packed + static_cast<size_t>(group) * group_size);
  }
}

template <typename C>
void conv_forward(Isa isa, ThreadPool& pool, const ConvShape& s, const BFloat16* x, const BFloat16* packed,
                  C* y, const EpilogueOf<C>& e) {
  using Member = contraction::Bf16<C>;
  const size_t group_size = conv_packed_bf16(isa, s) / static_cast<size_t>(s.groups);
  contraction::forward<Member>(
      bf16_contraction_table_of(isa), s, x, packed, group_size, y, e,
      [&](const typename Member::Product& p) { contraction::run_parts<Member>(&pool, p); });
}

template void gemm(Isa, ThreadPool&, const GemmShape&, const BFloat16*, const BFloat16*, float*,
                   const Epilogue&);
template void gemm(Isa, ThreadPool&, const GemmShape&, const BFloat16*, const BFloat16*, BFloat16*,
                   const EpilogueOf<BFloat16>&);
template void conv_forward(Isa, ThreadPool&, const ConvShape&, const BFloat16*, const BFloat16*, float*,
                           const Epilogue&);
template void conv_forward(Isa, ThreadPool&, const ConvShape&, const BFloat16*, const BFloat16*, BFloat16*,
                           const EpilogueOf<BFloat16>&);

}  // namespace dunlin
