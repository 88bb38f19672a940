#include "graph/ops/binary_grad.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]@1..3"},
                               {"", "f32[2,1,4] f32[3,1]@1..3"},
                               {"", "f32[2,3,4] f32[]@1..3"},
                               {"", "i32[5]@1..9 i32[1]@1..9"},
                               {"broadcast=1 axis=1", "f32[2,3,4] f32[3]@1..3", 6}};

/// Integers: towards zero; by zero gives 0, since no input may abort the process.
template <typename T>
T divide(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (y == -1) return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x));
  }
  return static_cast<T>(x / y);
}
}  // namespace

extern constexpr OpDef kDiv{.name = "Div",
                            .source = "ONNX Div",
                            .inputs = 2,
                            .infer = infer_broadcast,
                            .forward =
                                [](const OpCall& c) {
                                  for_format(c.input(0).format(), [&]<typename T>() {
                                    map_binary<T, T>(c, [](auto x, auto y) { return divide(x, y); });
                                  });
                                },
                            .gradient =
                                [](Grad& g) {
                                  const ValueId dx = g.div(g.out_grad(0), second_input(g));
                                  give_broadcast(g, 0, dx);
                                  if (g.needs(1)) give_broadcast(g, 1, g.neg(g.mul(dx, g.out(0))));
                                },
                            .samples = kSamples};

}  // namespace dunlin::ops
