#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[3,4] f32[4,5] f32[5]"},
    {"transA=1 transB=1 alpha=0.5 beta=2.0", "f32[4,3] f32[5,4] f32[3,1]"},
    {"transB=1", "f32[3,4] f32[5,4]"},
    {"transA=1 alpha=1.5", "f32[4,3] f32[4,5] f32[]"},
    {"", "f32[0,4] f32[4,5] f32[1,5]"},
    {"", "i32[2,3]@-9..9 i32[3,2]@-9..9 i32[2]@-9..9"},
};

struct Sizes {
  int64_t m, k, n;
};

Sizes sizes(const NodeView& a, const Shape& x, const Shape& y) {
  if (x.rank() != 2 || y.rank() != 2)
    a.error("A is {}, B is {}: matrices are expected", to_string(x), to_string(y));
  const bool ta = a.attr_int("transA", 0) != 0, tb = a.attr_int("transB", 0) != 0;
  const int64_t ka = x[ta ? 0 : 1], kb = y[tb ? 1 : 0];
  if (ka >= 0 && kb >= 0 && ka != kb)
    a.error("A is {}, B is {}: inner sizes differ", to_string(x), to_string(y));
  return {x[ta ? 1 : 0], ka, y[tb ? 0 : 1]};
}

std::vector<Type> infer(const InferArgs& a) {
  const Sizes s = sizes(a, a.shape(0), a.shape(1));
  const Shape y{s.m, s.n};
  if (a.has_shape(2)) {
    const Shape& bias = a.shape(2);
    const Shape both = broadcast_shapes(a, y, bias);
    if (both.rank() != 2 || (y.known() && bias.known() && both != y))
      a.error("C is {}, it does not broadcast to {}", to_string(bias), to_string(y));
  }
  return {{.format = a.format(0), .shape = y}};
}

/// alpha * sum + beta * *bias (null: 0): integers in 64 bits that wrap, as long as the factors are whole.
template <typename T>
T scaled_sum(double alpha, ProductSum<T> sum, double beta, const T* bias) {
  double products = 0;
  if constexpr (wrapping::kWraps<T>) {
    const auto whole = [](double x) { return std::trunc(x) == x && std::fabs(x) < 0x1p63; };
    if (whole(alpha) && (!bias || whole(beta))) {
      const auto factor = [](double x) { return static_cast<uint64_t>(static_cast<int64_t>(x)); };
      return static_cast<T>(factor(alpha) * sum + (bias ? factor(beta) * to_sum(*bias) : 0));
    }
    using Signed = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    products = alpha * static_cast<double>(static_cast<Signed>(sum));
  } else {
    products = alpha * static_cast<double>(sum);
  }
  return from_double<T>(bias ? products + beta * to_double(*bias) : products);
}

void forward(const OpCall& c) {
  const Sizes s = sizes(c, c.input(0).shape(), c.input(1).shape());
  const bool ta = c.attr_int("transA", 0) != 0, tb = c.attr_int("transB", 0) != 0;
  const double alpha = c.attr_float("alpha", 1), beta = c.attr_float("beta", 1);
  for_format(c.input(0).format(), [&]<typename T>() {
    const auto a = c.in<T>(0), b = c.in<T>(1);
    const auto y = c.out<T>(0);
    const int64_t am = a.strides()[ta ? 1 : 0], ak = a.strides()[ta ? 0 : 1];
    const int64_t bk = b.strides()[tb ? 1 : 0], bn = b.strides()[tb ? 0 : 1];
    const T* bias = c.has_input(2) ? c.in<T>(2).data() : nullptr;
    const Strides bias_strides = bias ? broadcast_strides(c.input(2), c.output(0).shape()) : Strides{0, 0};
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j) {
        ProductSum<T> sum = 0;
        for (int64_t k = 0; k < s.k; ++k)
          sum += to_sum(a.data()[i * am + k * ak]) * to_sum(b.data()[k * bk + j * bn]);
        y.data()[i * y.strides()[0] + j * y.strides()[1]] =
            scaled_sum(alpha, sum, beta, bias ? bias + i * bias_strides[0] + j * bias_strides[1] : nullptr);
      }
  });
}

void gradient(Grad& g) {
  const int64_t ta = g.attr_int("transA", 0), tb = g.attr_int("transB", 0);
  const float alpha = g.attr_float("alpha", 1), beta = g.attr_float("beta", 1);
  const ValueId dy = g.out_grad(0), a = g.in(0), b = g.in(1);
  // y = alpha * a' b'; the transposed operand changes places with dy instead of being transposed.
  const auto gemm = [&](ValueId x, ValueId y, int64_t tx, int64_t ty) {
    return g.emit("Gemm", {x, y}, {{"transA", tx}, {"transB", ty}, {"alpha", alpha}});
  };
  if (g.needs(0)) g.to_input(0, ta ? gemm(b, dy, tb, int64_t{1}) : gemm(dy, b, int64_t{0}, 1 - tb));
  if (g.needs(1)) g.to_input(1, tb ? gemm(dy, a, int64_t{1}, ta) : gemm(a, dy, 1 - ta, int64_t{0}));
  if (g.needs(2)) {
    const Type bias = g.graph().type(g.in(2));  // a copy: emitting nodes moves the types
    const ValueId scaled = beta == 1 ? dy : g.mul(dy, g.constant(beta, dy));
    const bool per_column = bias.shape && bias.shape->rank() == 1 && (*bias.shape)[0] > 1;
    g.to_input(2, per_column ? g.emit("BiasGrad", {scaled}) : g.reduce_to(scaled, g.in(2)));
  }
}

}  // namespace

extern constexpr OpDef kGemm{.name = "Gemm",
                             .source = "ONNX Gemm (C may be left out since opset 11, `broadcast` is implied)",
                             .inputs = {2, 3},
                             .infer = infer,
                             .forward = forward,
                             .gradient = gradient,
                             .samples = kSamples};

}  // namespace dunlin::ops
