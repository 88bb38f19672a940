#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] f32[3,1]"}, {"", "f32[2,3] f32[1]"}, {"", "i32[4]@-9..9 i32[4]@0..9"}};
constexpr Sample kSamples6[] = {{"", "f32[2,3,4] f32[3]", 6}, {"", "f32[2,3,4] f32[1]", 6}};

/// Before opset 7 a slope of one axis runs along the channels.
Shape slope_shape(const NodeView& a, const Shape& x, const Shape& slope) {
  Shape out = slope;
  if (a.opset() < 7 && slope.rank() == 1 && slope[0] != 1)
    while (out.rank() + 1 < x.rank()) out.push_back(1);
  return out;
}

std::vector<Type> infer(const InferArgs& a) {
  const Shape &x = a.shape(0), both = broadcast_shapes(a, x, slope_shape(a, x, a.shape(1)));
  if (x.known() && both.known() && both != x)
    a.error("the slope {} does not broadcast to {}", to_string(a.shape(1)), to_string(x));
  return {a.type(0)};
}

void forward(const OpCall& c) {
  const Tensor &x = c.input(0), &slope = c.input(1);
  Tensor& y = c.output(0);
  const Shape aligned = slope_shape(c, x.shape(), slope.shape());
  Strides strides(static_cast<size_t>(x.shape().rank()), 0);
  const int lead = x.shape().rank() - aligned.rank();
  for (int i = 0; i < slope.shape().rank(); ++i)
    if (slope.shape()[i] != 1)
      strides[static_cast<size_t>(lead + i)] = slope.strides()[static_cast<size_t>(i)];
  for_number_format(x.format(), [&]<typename T>() {
    const T *in = x.data<T>(), *by = slope.data<T>();
    T* out = y.data<T>();
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t i, int64_t k, int64_t o) {
          const auto v = static_cast<ComputeType<T>>(in[i]);
          out[o] = static_cast<T>(v < 0 ? wrapping::mul(v, static_cast<ComputeType<T>>(by[k])) : v);
        },
        x.strides(), strides, y.strides());
  });
}

void gradient(Grad& g) {
  const ValueId x = g.in(0), dy = g.out_grad(0), zero = g.constant(0, x);
  const Type tx = g.graph().type(x), ts = g.graph().type(g.in(1));
  ValueId slope = g.in(1);
  if (tx.shape && ts.shape) {
    std::vector<int64_t> added;
    for (int i = ts.shape->rank(); i < slope_shape(g, *tx.shape, *ts.shape).rank(); ++i) added.push_back(i);
    if (!added.empty()) slope = g.emit("Unsqueeze", {slope, g.constant_ints(added)});
  }
  const ValueId positive = g.emit("Greater", {x, zero});
  if (g.needs(0)) g.to_input(0, g.emit("Where", {positive, dy, g.mul(dy, slope)}));
  if (g.needs(1)) {
    const ValueId d = g.reduce_to(g.emit("Where", {positive, zero, g.mul(dy, x)}), slope);
    g.to_input(1, slope == g.in(1) ? d : g.emit("ReshapeLike", {d, g.in(1)}));
  }
}

constexpr OpDef kOpset1{.name = "PRelu",
                        .source = "ONNX PRelu",
                        .inputs = 2,
                        .infer = infer,
                        .forward = forward,
                        .gradient = gradient,
                        .samples = kSamples6};

}  // namespace

extern constexpr OpDef kPRelu{.name = "PRelu",
                              .since = 7,
                              .source = "ONNX PRelu",
                              .inputs = 2,
                              .infer = infer,
                              .forward = forward,
                              .gradient = gradient,
                              .samples = kSamples,
                              .older = &kOpset1};

}  // namespace dunlin::ops
