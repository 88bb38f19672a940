#include <cmath>

#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"
#include "graph/ops/window.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"kernel_shape=[2,2] strides=[2,2]", "f32[1,2,2,2] f32[1,2,4,5] f32[1,2,2,2]@1..2"}};

/// dy (|x| / y)^(p-1) sign(x); 0 where x or y is, as in PyTorch's norms.
void forward(const OpCall& c) {
  const ConvGeometry g = pool_geometry(c, c.input(1).shape());
  const double p = static_cast<double>(c.attr_int("p", 2));
  if (c.input(0).shape() != c.input(2).shape())
    c.error("dy is {}, y {}", to_string(c.input(0).shape()), to_string(c.input(2).shape()));
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto x = c.in<T>(1), dy = c.in<T>(0), y = c.in<T>(2);
    std::vector<double> sums(x.size(), 0.0);
    std::vector<size_t> taps;
    for_each_pool_output(
        g, row_major_strides(c.input(1).shape()), row_major_strides(c.input(0).shape()),
        [&] { taps.clear(); },
        [&](int64_t i, const std::array<int64_t, 3>&) { taps.push_back(static_cast<size_t>(i)); },
        [&](int64_t o, int64_t, const std::array<int64_t, 3>&) {
          const double norm = to_double(y[static_cast<size_t>(o)]), d = to_double(dy[static_cast<size_t>(o)]);
          if (norm == 0) return;
          for (size_t i : taps) {
            const double v = to_double(x[i]);
            if (v != 0) sums[i] += std::copysign(d * std::pow(std::abs(v) / norm, p - 1), d * v);
          }
        });
    const auto dx = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i) dx[i] = from_double<T>(sums[i]);
  });
}

}  // namespace

/// dx of LpPool: dy, x, y. Attributes of the LpPool.
extern constexpr OpDef kLpPoolGrad{.name = "LpPoolGrad",
                                   .domain = kDunlinDomain,
                                   .source = "derivative of ONNX LpPool",
                                   .inputs = 3,
                                   .infer = infer_like_input1,
                                   .forward = forward,
                                   .samples = kSamples};

}  // namespace dunlin::ops
