#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,4]"}, {"axis=-1", "f32[2,3,4]"}, {"axis=0", "f32[2,3]", 9}};

/// One open size among ones keeps its name.
int64_t product(const Shape& s, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; ++i) {
    if (s[i] == 1) continue;
    n = n == 1 ? s[i] : n < 0 || s[i] < 0 ? kUnknownDim : n * s[i];
  }
  return n;
}
}  // namespace

extern constexpr OpDef kFlatten{
    .name = "Flatten",
    .source = "ONNX Flatten",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          const Shape& x = a.shape(0);
          const int64_t axis = a.attr_int("axis", 1);
          const int cut = axis == x.rank() ? x.rank() : a.normalize_axis(axis, x.rank());
          return std::vector<Type>{
              {.format = a.format(0), .shape = Shape{product(x, 0, cut), product(x, cut, x.rank())}}};
        },
    .forward = [](const OpCall& c) { copy_logical(c.input(0), c.output(0)); },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("ReshapeLike", {g.out_grad(0), g.in(0)}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
