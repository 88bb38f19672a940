#include <cmath>

#include "graph/ops/binary_grad.h"
#include "graph/ops/wrapping.h"
#include "graph/to_integer.h"

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
    if (y < 0) return to_integer<X>(std::pow(static_cast<double>(x), static_cast<double>(y)));
    X result = 1;
    for (auto n = static_cast<uint64_t>(y); n > 0; n >>= 1, x = wrapping::mul(x, x))
      if (n & 1) result = wrapping::mul(result, x);
    return result;
  } else if constexpr (std::is_same_v<X, float>) {
    return std::pow(x, static_cast<float>(y));
  } else if constexpr (std::is_integral_v<X>) {
    return to_integer<X>(std::pow(static_cast<double>(x), static_cast<double>(y)));
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
  const ValueId zero = g.constant(0, x);
  if (g.needs(0)) {
    const Tensor* known = g.needs(1) ? nullptr : g.graph().initializer(g.in(1));
    const double exponent = known && known->num_elements() == 1 ? to_scalar(*known) : 0;
    if (exponent == 2) {
      give_broadcast(g, 0, g.mul(dy, g.mul(x, g.constant(2, x))));
    } else {
      ValueId dx = g.mul(dy, g.mul(e, g.emit("Pow", {x, g.sub(e, g.constant(1, x))})));
      // x^0 is flat, at 0 too, where x^(e - 1) is infinite.
      if (exponent == 0) dx = g.emit("Where", {g.emit("Equal", {e, zero}), zero, dx});
      give_broadcast(g, 0, dx);
    }
  }
  if (g.needs(1)) {
    // y log x; 0 to the power of e stays 0 for the e around, though log 0 is infinite.
    const ValueId flat =
        g.emit("And", {g.emit("Equal", {x, zero}), g.emit("Not", {g.emit("Less", {e, zero})})});
    give_broadcast(g, 1, g.emit("Where", {flat, zero, g.mul(dy, g.mul(g.out(0), g.emit("Log", {x})))}));
  }
}

}  // namespace

extern constexpr OpDef kPow{
    .name = "Pow",
    .source = "ONNX Pow",
    .inputs = 2,
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
