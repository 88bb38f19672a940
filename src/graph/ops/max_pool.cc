#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"kernel_shape=[3] strides=[2] ceil_mode=1", "f32[2,1,2]"},
    {"kernel_shape=[2,2] strides=[2,2]", "f32[2,3,4,6]"},
    {"kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", "f32[1,2,7,6]", 21, 2},
    {"kernel_shape=[3] ceil_mode=1 strides=[2]", "f32[2,1,6]"},
    {"kernel_shape=[2,2] dilations=[2,2] auto_pad='SAME_LOWER'", "f32[1,2,4,5]"},
    {"kernel_shape=[2,2] storage_order=1", "f32[2,2,3,4]", 21, 2},
    {"kernel_shape=[2,1,2]", "f32[1,2,3,2,3]"},
    {"kernel_shape=[2,3,2] strides=[2,1,1] pads=[1,1,0,0,1,1]", "f32[2,2,4,3,3]"},
    {"kernel_shape=[3,2] pads=[0,1,2,0] strides=[1,2]", "f32[1,2,4,5]"},
    {"kernel_shape=[2] auto_pad='VALID' dilations=[3]", "f32[2,2,7]", 10},
    {"kernel_shape=[2,2] auto_pad='SAME_UPPER' strides=[2,2]", "f32[1,2,5,5]", 1},
    {"kernel_shape=[2,2]", "i8[1,1,3,3]@-9..9", 12},
};

std::vector<Type> infer(const InferArgs& a) {
  const Shape y = pool_shape(a, a.shape(0));
  return {{.format = a.format(0), .shape = y}, {.format = &formats::kI64, .shape = y}};
}

void forward(const OpCall& c) {
  const ConvGeometry g = pool_geometry(c, c.input(0).shape());
  const bool column_major = c.attr_int("storage_order", 0) != 0;
  const int64_t plane = g.in[0] * g.in[1] * g.in[2];
  for_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& x = c.input(0);
    Tensor& y = c.output(0);
    const T* in = x.data<T>();
    T* out = y.data<T>();
    int64_t* indices = c.has_output(1) ? c.output(1).data<int64_t>() : nullptr;
    bool any = false;
    ComputeType<T> best{};
    std::array<int64_t, 3> at{};
    size_t next = 0;  // outputs come in row-major order
    const auto index_strides =
        indices ? c.out<int64_t>(1) : Elements<int64_t>(nullptr, y.shape(), y.strides(), true);
    for_each_pool_output(
        g, x.strides(), y.strides(), [&] { any = false; },
        [&](int64_t i, const std::array<int64_t, 3>& index) {
          const auto v = static_cast<ComputeType<T>>(in[i]);
          // Not (v <= best): a NaN wins and stays, as in PyTorch.
          if (!any || (!(v <= best) && best == best)) best = v, at = index;
          any = true;
        },
        [&](int64_t o, int64_t channel, const std::array<int64_t, 3>&) {
          // A window wholly inside the padding holds nothing.
          if (!any) best = std::numeric_limits<ComputeType<T>>::lowest(), at = {};
          out[o] = static_cast<T>(best);
          if (indices)
            index_strides[next] =
                channel * plane + (column_major ? at[0] + g.in[0] * (at[1] + g.in[1] * at[2])
                                                : (at[0] * g.in[1] + at[1]) * g.in[2] + at[2]);
          ++next;
        });
  });
}

/// The indices are a second output: kept when the node has it (passes/training_mode.h adds it), recomputed
/// otherwise.
void gradient(Grad& g) {
  ValueId indices = g.attr_int("storage_order", 0) == 0 ? g.out(1) : kNoValue;
  if (indices == kNoValue) {
    Attributes attributes = g.node().attributes;
    attributes.erase("storage_order");
    indices = g.emit_many("MaxPool", {g.in(0)}, 2, std::move(attributes))[1];
  }
  g.to_input(0, g.emit("MaxPoolGrad", {g.out_grad(0), indices, g.in(0)}));
}

}  // namespace

extern constexpr OpDef kMaxPool{.name = "MaxPool",
                                .source = "ONNX MaxPool",
                                .inputs = 1,
                                .outputs = {1, 2},
                                .infer = infer,
                                .forward = forward,
                                .gradient = gradient,
                                .samples = kSamples};

}  // namespace dunlin::ops
