#include "graph/ops/gather.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"axis=1", "f32[2,2] f32[2,3] i64[2,2]{0,-1,2,2}"}};
}

/// dy, x, indices -> the shape of x (only its shape is read), summed over repeated indices in their order.
extern constexpr OpDef kGatherElementsGrad{
    .name = "GatherElementsGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX GatherElements",
    .inputs = 3,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          fill_zero(c.output(0));
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const auto dy = c.in<T>(0);
            const auto dx = c.out<T>(0);
            for_each_element_index(c, c.output(0).shape(), c.input(2), [&](size_t o, size_t i) {
              dx[i] = static_cast<T>(static_cast<ComputeType<T>>(dx[i]) + static_cast<ComputeType<T>>(dy[o]));
            });
          });
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
