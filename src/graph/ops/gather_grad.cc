#include "graph/ops/gather.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[4,3] f32[5,3] i64{0,-1,2,0}"}};
}

/// dy, x, indices -> the shape of x (only its shape is read): rows of dy summed where an index occurs several
/// times, in the order of the indices.
extern constexpr OpDef kGatherGrad{
    .name = "GatherGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Gather",
    .inputs = 3,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          fill_zero(c.output(0));
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const auto dy = c.in<T>(0);
            const auto dx = c.out<T>(0);
            for_each_gathered(c, c.output(0).shape(), c.input(2), [&](size_t o, size_t i) {
              dx[i] = static_cast<T>(static_cast<ComputeType<T>>(dx[i]) + static_cast<ComputeType<T>>(dy[o]));
            });
          });
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
