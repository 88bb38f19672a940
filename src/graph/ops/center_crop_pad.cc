#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[5,4,3] i64{3,7,3}", 18},
    {"axes=[1]", "f32[2,5] i64{2}"},
    {"axes=[-1,0]", "f32[3,2,4] i64{7,2}"},
    {"", "i32[3]@0..9 i64{0}"},
};

Shape cropped_shape(const NodeView& a, const Shape& x, const std::vector<int64_t>& sizes) {
  std::vector<int64_t> axes = a.attr_ints("axes");
  if (!a.has_attr("axes"))
    for (int d = 0; d < x.rank(); ++d) axes.push_back(d);
  if (axes.size() != sizes.size()) a.error("shape has {} sizes for {} axes", sizes.size(), axes.size());
  const Shape wanted = checked_shape(a, sizes);
  Shape y = x;
  std::vector<bool> given(static_cast<size_t>(x.rank()), false);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = a.normalize_axis(axes[i], x.rank());
    if (given[static_cast<size_t>(axis)]) a.error("axis {} is given twice", axes[i]);
    given[static_cast<size_t>(axis)] = true;
    y[axis] = wanted[static_cast<int>(i)];
  }
  return y;
}

void forward(const OpCall& c) {
  const Tensor& x = c.input(0);
  const Shape shape = cropped_shape(c, x.shape(), to_ints(c.input(1)));
  if (!c.output(0)) c.allocate(0, x.format(), shape);
  Tensor& y = c.output(0);
  fill_zero(y);
  // The part that both have: an odd element is cut off, or added, at the end.
  Shape both = shape;
  int64_t from = 0, to = 0;
  for (int d = 0; d < shape.rank(); ++d) {
    const auto u = static_cast<size_t>(d);
    const int64_t difference = x.shape()[d] - shape[d];
    both[d] = std::min(x.shape()[d], shape[d]);
    (difference > 0 ? from : to) += std::abs(difference) / 2 * (difference > 0 ? x : y).strides()[u];
  }
  if (both.num_elements() == 0) return;
  for_word(x.format(), [&]<typename Word>() {
    const Word* in = words<Word>(x) + from;
    Word* out = words<Word>(y) + to;
    for_each_strided(
        both, [&](size_t, int64_t i, int64_t o) { out[o] = in[i]; }, x.strides(), y.strides());
  });
}

/// Cutting is undone by adding zeros at the same places, and adding by cutting.
void gradient(Grad& g) {
  ValueId sizes = g.emit("Shape", {g.in(0)});
  if (g.has_attr("axes")) {
    const Type x = g.graph().type(g.in(0));
    if (!x.shape) g.unsupported("the rank of the input must be known to differentiate");
    std::vector<int64_t> axes = g.attr_ints("axes");
    for (int64_t& axis : axes) axis = g.normalize_axis(axis, x.shape->rank());
    sizes = g.emit("Gather", {sizes, g.constant_ints(axes)});
  }
  g.to_input(0, g.emit("CenterCropPad", {g.out_grad(0), sizes}, g.node().attributes));
}

}  // namespace

/// Each axis cut off at both ends, or filled up with zeros, to the size asked for.
extern constexpr OpDef kCenterCropPad{
    .name = "CenterCropPad",
    .since = 18,
    .source = "ONNX CenterCropPad",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          const Shape& x = a.shape(0);
          const Tensor* sizes = a.constant(1);
          return std::vector<Type>{
              {.format = a.format(0),
               .shape = sizes ? cropped_shape(a, x, to_ints(*sizes))
                              : Shape(std::vector<int64_t>(x.dims().size(), kUnknownDim))}};
        },
    .forward = forward,
    .gradient = gradient,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
