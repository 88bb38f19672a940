// Gemm, MatMul and their fused and transposed forms, all on the contraction kernels.
#include "graph/activation.h"
#include "kernels/contraction/bf16.h"
#include "kernels/contraction/contraction.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

/// A product of matrices whose B is one matrix, packed.
struct Product {
  GemmShape gemm;
  ptrdiff_t b_row_stride = 0, b_column_stride = 1;
};

uint64_t macs(const GemmShape& g) { return static_cast<uint64_t>(g.m * g.n * g.k); }

/// How an input that is added reaches the kernel.
enum class Addend { kNone, kBias, kMatrix, kRow };

/// A and B are f32 or bf16, so is C.
template <typename A, typename C>
Lowered packed_product(const LowerContext& c, const Product& p, Addend addend, int residual,
                       const Activation& activation) {
  const Isa isa = c.isa();
  const GemmShape g = p.gemm;
  const auto pack = [=](ThreadPool& pool, const float* from, A* to) {
    pack_b(isa, pool, g.k, g.n, from, p.b_row_stride, p.b_column_stride, to);
  };
  size_t size = 0;
  if constexpr (std::is_same_v<A, float>)
    size = packed_b_floats(isa, g.k, g.n);
  else
    size = packed_b_bf16(isa, g.k, g.n);
  const PackedWeight w = pack_weight<A>(
      c, 1, size, fmt::format("gemm {}x{} {},{}", g.k, g.n, p.b_row_stride, p.b_column_stride), pack);
  Lowered l{.kernel = std::is_same_v<A, float> ? "gemm" : "bf16_gemm", .macs = macs(g)};
  const bool matrix = addend == Addend::kMatrix || addend == Addend::kRow;
  if (std::is_same_v<A, BFloat16>) l.narrow_in = 0b1;
  if (std::is_same_v<C, BFloat16>) {
    l.narrow_out = 0b1;
    if (residual >= 0) l.narrow_in |= 1u << residual;
    if (matrix) l.narrow_in |= 0b100;
  }
  l.scratch_bytes = w.scratch_bytes();
  l.packed_bytes = w.bytes();
  if (w.packed) l.unread = 0b10;
  if (residual >= 0) l.in_place = 1u << residual;
  if (addend == Addend::kMatrix) l.in_place = 0b100;
  l.run = [=](const StepArgs& args) {
    A* const scratch = reinterpret_cast<A*>(args.scratch);
    if (!w.packed) pack(args.pool, args.x(1), scratch);
    EpilogueOf<C> e;
    e.activation = activation;
    e.residual_stride = g.n;
    if (addend == Addend::kBias) e.bias = args.x(2);
    if (matrix) e.residual = args.x<C>(2);
    if (addend == Addend::kRow) e.residual_stride = 0;
    if (residual >= 0) e.residual = args.x<C>(static_cast<size_t>(residual));
    gemm(isa, args.pool, g, args.x<A>(0), w.packed ? w.packed->data<A>() : scratch, args.y<C>(0), e);
  };
  return l;
}

Lowered packed_product(const LowerContext& c, const Product& p, Addend addend, int residual,
                       const Activation& activation) {
  // What the kernel in bf16 does not do.
  const bool wide = p.gemm.a_transposed || p.gemm.alpha != 1 || p.gemm.beta != 1;
  if (!c.bf16() || wide) return packed_product<float, float>(c, p, addend, residual, activation);
  if (!c.wants_narrow(0)) return packed_product<BFloat16, float>(c, p, addend, residual, activation);
  return packed_product<BFloat16, BFloat16>(c, p, addend, residual, activation);
}

std::optional<Lowered> lower_gemm(const LowerContext& c) {
  if (!c.all_f32()) return std::nullopt;
  const bool ta = c.attr_int("transA", 0) != 0, tb = c.attr_int("transB", 0) != 0;
  const Shape &a = c.shape(0), &b = c.shape(1), &y = c.out_shape(0);
  Product p;
  p.gemm.m = y[0];
  p.gemm.n = y[1];
  p.gemm.k = a[ta ? 0 : 1];
  p.gemm.lda = a[1];
  p.gemm.ldc = y[1];
  p.gemm.a_transposed = ta;
  p.gemm.alpha = c.attr_float("alpha", 1);
  p.gemm.beta = c.attr_float("beta", 1);
  p.b_row_stride = tb ? 1 : b[1];
  p.b_column_stride = tb ? b[1] : 1;
  Addend addend = Addend::kNone;
  if (c.has_input(2)) {
    const Shape& bias = c.shape(2);
    const bool row = bias.rank() >= 1 && bias[bias.rank() - 1] == y[1] && bias.num_elements() == y[1];
    if (row)
      addend = p.gemm.beta == 1 ? Addend::kBias : Addend::kRow;
    else if (bias == y)
      addend = Addend::kMatrix;
    else
      return std::nullopt;
  }
  return packed_product(c, p, addend, -1, Activation::none());
}

/// The last two axes of an operand, transposed when `t`; a vector is a row (A) or a column (B).
struct Matrix {
  int64_t rows, columns, batch;
};
Matrix matrix(const Shape& s, bool t, bool column) {
  const int r = s.rank();
  if (r == 1) return column ? Matrix{s[0], 1, 1} : Matrix{1, s[0], 1};
  Matrix m{s[r - 2], s[r - 1], 1};
  for (int d = 0; d < r - 2; ++d) m.batch *= s[d];
  if (t) std::swap(m.rows, m.columns);
  return m;
}

/// Whether the batch axes agree one to one, leading ones aside.
bool same_batch(const Shape& a, const Shape& b) {
  const auto batch = [](const Shape& s) {
    std::vector<int64_t> dims(s.begin(), s.end() - std::min(2, s.rank()));
    while (!dims.empty() && dims.front() == 1) dims.erase(dims.begin());
    return dims;
  };
  return batch(a) == batch(b);
}

std::optional<Lowered> product(const LowerContext& c, bool ta, bool tb, int bias, int residual) {
  if (!c.all_f32()) return std::nullopt;
  const Shape &a = c.shape(0), &b = c.shape(1);
  const Matrix ma = matrix(a, ta, false), mb = matrix(b, tb, true);
  const int64_t ldb = b.rank() == 1 ? 1 : b[b.rank() - 1];
  Product p;
  p.gemm.m = ma.rows;
  p.gemm.n = mb.columns;
  p.gemm.k = ma.columns;
  p.gemm.lda = a[a.rank() - 1];
  p.gemm.ldc = mb.columns;
  p.gemm.a_transposed = ta;
  p.b_row_stride = tb ? 1 : ldb;
  p.b_column_stride = tb ? ldb : 1;
  const Activation activation = activation_attribute(c);
  if (mb.batch == 1 && (!ta || ma.batch == 1)) {
    p.gemm.m = ma.rows * ma.batch;
    const bool has_bias = bias >= 0 && c.has_input(bias),
               has_residual = residual >= 0 && c.has_input(residual);
    return packed_product(c, p, has_bias ? Addend::kBias : Addend::kNone, has_residual ? residual : -1,
                          activation);
  }
  if (bias >= 0) return std::nullopt;
  if (ma.batch != 1 && mb.batch != 1 && !same_batch(a, b)) return std::nullopt;
  BatchedGemmShape s;
  s.gemm = p.gemm;
  s.batch = std::max(ma.batch, mb.batch);
  s.a_stride = ma.batch == 1 ? 0 : ma.rows * ma.columns;
  s.b_stride = mb.batch == 1 ? 0 : mb.rows * mb.columns;
  s.c_stride = ma.rows * mb.columns;
  s.b_row_stride = p.b_row_stride;
  s.b_column_stride = p.b_column_stride;
  const Isa isa = c.isa();
  return Lowered{.kernel = "batched_gemm",
                 .run =
                     [=](const StepArgs& args) {
                       batched_gemm(isa, args.pool, s, args.x(0), args.x(1), args.y(0), {},
                                    args.scratch_floats());
                     },
                 .in = {},
                 .out = {},
                 .scratch_bytes = scratch_for(batched_gemm_scratch_floats(isa, s, c.num_threads())),
                 .macs = macs(s.gemm) * static_cast<uint64_t>(s.batch)};
}

std::optional<Lowered> lower_matmul(const LowerContext& c) { return product(c, false, false, -1, -1); }
std::optional<Lowered> lower_batch_matmul(const LowerContext& c) {
  return product(c, c.attr_int("trans_a", 0) != 0, c.attr_int("trans_b", 0) != 0, -1, -1);
}
std::optional<Lowered> lower_fused_matmul(const LowerContext& c) {
  return product(c, false, c.attr_int("trans_b", 0) != 0, 2, 3);
}

constexpr LowerEntry kEntries[] = {
    {"", "Gemm", lower_gemm, InBf16::kTakes},
    {"", "MatMul", lower_matmul, InBf16::kTakes},
    {kDunlinDomain, "BatchMatMul", lower_batch_matmul},
    {kDunlinDomain, "FusedMatMul", lower_fused_matmul, InBf16::kTakes},
};

}  // namespace

std::span<const LowerEntry> matmul() { return kEntries; }

}  // namespace dunlin::lower
