#include <algorithm>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[2,3,4,5]"}, {"", "f32[1,2,7]"}, {"", "f32[2,2,3,2,2]"}};

void forward(const OpCall& c) {
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& x = c.input(0);
    const T* in = x.data<T>();
    const auto out = c.out<T>(0);
    std::vector<double> best(out.size(), -std::numeric_limits<double>::infinity());
    Strides channel(x.strides().size(), 0);
    channel[0] = x.shape()[1], channel[1] = 1;
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t i, int64_t o) {
          double& b = best[static_cast<size_t>(o)];
          const double v = to_double(in[i]);
          if (v > b || v != v) b = v;
        },
        x.strides(), channel);
    for (size_t i = 0; i < best.size(); ++i) out[i] = from_double<T>(best[i]);
  });
}

/// The first of equal maxima takes the gradient, as in MaxPool; where the size is not known yet they share
/// it.
void gradient(Grad& g) {
  const std::optional<Shape> x = g.graph().type(g.in(0)).shape;
  if (!x) g.unsupported("the rank of the input must be known to differentiate");
  std::vector<int64_t> spatial, window;
  for (int d = 2; d < x->rank(); ++d) {
    spatial.push_back(d);
    window.push_back((*x)[d]);
  }
  if (!window.empty() && std::all_of(window.begin(), window.end(), [](int64_t n) { return n > 0; })) {
    const ValueId indices = g.emit_many("MaxPool", {g.in(0)}, 2, {{"kernel_shape", window}})[1];
    return g.to_input(0, g.emit("MaxPoolGrad", {g.out_grad(0), indices, g.in(0)}));
  }
  const ValueId taken = g.emit("CastLike", {g.emit("Equal", {g.in(0), g.out(0)}), g.in(0)});
  const ValueId count = g.emit("ReduceSum", {taken, g.constant_ints(spatial)});
  g.to_input(0, g.mul(taken, g.div(g.out_grad(0), count)));
}

}  // namespace

extern constexpr OpDef kGlobalMaxPool{.name = "GlobalMaxPool",
                                      .source = "ONNX GlobalMaxPool",
                                      .inputs = 1,
                                      .infer = infer_global_pool,
                                      .forward = forward,
                                      .gradient = gradient,
                                      .samples = kSamples};

}  // namespace dunlin::ops
