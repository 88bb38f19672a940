#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,4,5]"}, {"", "f32[4,3]"}, {"", "f32[0,3,2]"}};
}

/// dy[N,C,...] -> [C]: sums over every axis but 1.
extern constexpr OpDef kBiasGrad{
    .name = "BiasGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of a per-channel bias",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          if (a.shape(0).rank() < 2) a.error("dy is {}, [N, C, ...] is expected", to_string(a.shape(0)));
          return std::vector<Type>{{.format = a.format(0), .shape = Shape{a.shape(0)[1]}}};
        },
    .forward =
        [](const OpCall& c) {
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const Tensor& dy = c.input(0);
            std::vector<double> sums(static_cast<size_t>(dy.shape()[1]), 0.0);
            Strides channel(dy.strides().size(), 0);
            channel[1] = 1;
            const T* in = dy.data<T>();
            for_each_strided(
                dy.shape(),
                [&](size_t, int64_t i, int64_t k) { sums[static_cast<size_t>(k)] += to_double(in[i]); },
                dy.strides(), channel);
            const auto out = c.out<T>(0);
            for (size_t k = 0; k < sums.size(); ++k) out[k] = from_double<T>(sums[k]);
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
