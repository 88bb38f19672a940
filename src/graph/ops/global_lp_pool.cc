#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[2,3,4,5]"}, {"p=3", "f32[1,2,7]"}, {"p=1", "f32[2,1,2,2,2]"}};

void forward(const OpCall& c) {
  const double p = static_cast<double>(c.attr_int("p", 2));
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& x = c.input(0);
    const T* in = x.data<T>();
    const auto out = c.out<T>(0);
    std::vector<double> sums(out.size(), 0.0);
    Strides channel(x.strides().size(), 0);
    channel[0] = x.shape()[1], channel[1] = 1;
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t i, int64_t o) {
          sums[static_cast<size_t>(o)] += std::pow(std::abs(to_double(in[i])), p);
        },
        x.strides(), channel);
    for (size_t i = 0; i < sums.size(); ++i) out[i] = from_double<T>(std::pow(sums[i], 1 / p));
  });
}

/// dy (|x| / y)^(p-1) sign(x); 0 where y is, as in PyTorch's norms.
void gradient(Grad& g) {
  const ValueId x = g.in(0), y = g.out(0), zero = g.constant(0, x);
  const float p = static_cast<float>(g.attr_int("p", 2));
  const ValueId part = g.emit("Pow", {g.div(g.emit("Abs", {x}), y), g.constant(p - 1, x)});
  const ValueId dx = g.mul(g.out_grad(0), g.mul(g.emit("Sign", {x}), part));
  g.to_input(0, g.emit("Where", {g.emit("Equal", {y, zero}), zero, dx}));
}

}  // namespace

extern constexpr OpDef kGlobalLpPool{.name = "GlobalLpPool",
                                     .since = 2,
                                     .source = "ONNX GlobalLpPool",
                                     .inputs = 1,
                                     .infer = infer_global_pool,
                                     .forward = forward,
                                     .gradient = gradient,
                                     .samples = kSamples};

}  // namespace dunlin::ops
