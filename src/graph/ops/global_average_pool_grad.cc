#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,1,1] f32[2,3,4,5]"}};
}

/// dx of GlobalAveragePool: dy[N,C,1...] spread evenly over x's spatial axes; x: its shape only.
extern constexpr OpDef kGlobalAveragePoolGrad{
    .name = "GlobalAveragePoolGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX GlobalAveragePool",
    .inputs = 2,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const Tensor& dy = c.input(0);
            Tensor& dx = c.output(0);
            double count = 1;
            for (int d = 2; d < dx.shape().rank(); ++d) count *= static_cast<double>(dx.shape()[d]);
            const T* in = dy.data<T>();
            T* out = dx.data<T>();
            for_each_strided(
                dx.shape(),
                [&](size_t, int64_t o, int64_t i) { out[o] = from_double<T>(to_double(in[i]) / count); },
                dx.strides(), broadcast_strides(dy, dx.shape()));
          });
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
