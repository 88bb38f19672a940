#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[2,3,4,5]"}, {"p=3", "f32[1,2,7]"}};

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

}  // namespace

extern constexpr OpDef kGlobalLpPool{.name = "GlobalLpPool",
                                     .since = 2,
                                     .source = "ONNX GlobalLpPool",
                                     .infer = infer_global_pool,
                                     .forward = forward,
                                     .samples = kSamples};

}  // namespace dunlin::ops
