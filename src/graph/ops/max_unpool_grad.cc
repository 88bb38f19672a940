#include "graph/ops/max_unpool.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"kernel_shape=[2,2] strides=[2,2]", "f32[1,1,4,5] f32[1,1,2,2] i64[1,1,2,2]{5,7,13,15}"}};
}

/// dX of MaxUnpool: dy, X (its shape only), I. Attributes of MaxUnpool.
extern constexpr OpDef kMaxUnpoolGrad{
    .name = "MaxUnpoolGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX MaxUnpool",
    .inputs = 3,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          const std::vector<double> dy = to_doubles(c.input(0));
          std::vector<double> dx;
          for (size_t p : unpooled_positions(c, c.input(1).shape(), c.input(2), c.input(0).shape())) {
            if (p >= dy.size()) c.error("position {} is outside dy {}", p, to_string(c.input(0).shape()));
            dx.push_back(dy[p]);
          }
          store_doubles(c, 0, dx);
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
