#include <cmath>

#include "graph/ops/binary_grad.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3]@1..3 f32[3]@-2..2"},
    {"", "f32[2,3] f32[]{2}"},
    {"", "f32[4]@1..2 i64[4]{2,3,0,-1}"},
    {"", "i32[4]@-5..5 f32[1]{3}"},
    {"broadcast=1 axis=0", "f32[2,3]@1..3 f32[2]@1..2", 6},
};

/// Integers are raised exactly; everything else in floating point of the base's width.
template <typename X, typename Y>
X power(X x, Y y) {
  if constexpr (std::is_integral_v<X> && std::is_integral_v<Y>) {
    if (y < 0) return static_cast<X>(std::pow(static_cast<double>(x), static_cast<double>(y)));
    uint64_t result = 1, base = static_cast<uint64_t>(x);
    for (auto n = static_cast<uint64_t>(y); n > 0; n >>= 1, base *= base)
      if (n & 1) result *= base;
    return static_cast<X>(result);
  } else if constexpr (std::is_same_v<X, float>) {
    return std::pow(x, static_cast<float>(y));
  } else {
    return static_cast<X>(std::pow(static_cast<double>(x), static_cast<double>(y)));
  }
}

void forward(const OpCall& c) {
  const Tensor &x = c.input(0), &e = c.input(1);
  Tensor& y = c.output(0);
  for_number_format(x.format(), [&]<typename X>() {
    for_number_format(e.format(), [&]<typename E>() {
      const X* base = x.data<X>();
      const E* exponent = e.data<E>();
      X* out = y.data<X>();
      for_each_strided(
          y.shape(),
          [&](size_t, int64_t o, int64_t i, int64_t j) {
            out[o] = static_cast<X>(
                power(static_cast<ComputeType<X>>(base[i]), static_cast<ComputeType<E>>(exponent[j])));
          },
          y.strides(), broadcast_strides(x, y.shape()), second_strides(c, y.shape()));
    });
  });
}

void gradient(Grad& g) {
  const ValueId x = g.in(0), dy = g.out_grad(0);
  ValueId e = second_input(g);
  if (g.graph().type(e).format != g.graph().type(x).format) e = g.emit("CastLike", {e, x});
  if (g.needs(0)) {
    const ValueId slope = g.mul(e, g.emit("Pow", {x, g.sub(e, g.constant(1, x))}));
    give_broadcast(g, 0, g.mul(dy, slope));
  }
  if (g.needs(1)) {
    // y log x, and 0 where the base is not positive.
    const ValueId zero = g.constant(0, x), positive = g.emit("Greater", {x, zero});
    const ValueId log = g.emit("Log", {g.emit("Where", {positive, x, g.constant(1, x)})});
    give_broadcast(g, 1, g.mul(dy, g.mul(g.out(0), log)));
  }
}

}  // namespace

extern constexpr OpDef kPow{
    .name = "Pow",
    .source = "ONNX Pow",
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{
              {.format = a.format(0),
               .shape = broadcast_shapes(a, a.shape(0), aligned_shape(a, a.shape(0), a.shape(1)))}};
        },
    .forward = forward,
    .gradient = gradient,
    .samples = kSamples};

}  // namespace dunlin::ops
