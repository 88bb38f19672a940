#include "graph/ops/elementwise.h"
#include "graph/ops/scatter.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,2] f32[3,2] i64[3,1]{2,2,0}"}};
}

/// dy, x, indices -> the shape of x (only its shape is read), summed over repeated indices in their order.
extern constexpr OpDef kGatherNDGrad{
    .name = "GatherNDGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX GatherND",
    .inputs = 3,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          fill_zero(c.output(0));
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const auto dy = c.in<T>(0);
            const auto dx = c.out<T>(0);
            for_each_nd_element(
                c, c.output(0).shape(), c.input(2), c.attr_int("batch_dims", 0),
                [&](size_t o, size_t i) { dx[i] = from_double<T>(to_double(dx[i]) + to_double(dy[o])); });
          });
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
