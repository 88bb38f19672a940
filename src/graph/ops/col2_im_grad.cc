#include "graph/ops/col2_im.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"pads=[1,1,1,1] strides=[2,1] dilations=[1,2]", "f32[2,2,5,5] f32[2,12,9] i64{5,5} i64{2,3}"}};
}

/// dx of Col2Im: dy, input (its shape only), image_shape, block_shape. Attributes of Col2Im.
extern constexpr OpDef kCol2ImGrad{
    .name = "Col2ImGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Col2Im",
    .inputs = 4,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          const ImageBlocks b = image_blocks(c, to_ints(c.input(2)), to_ints(c.input(3)));
          const Shape y = image_shape(c, c.input(1).shape(), b);
          if (c.input(0).shape() != y)
            c.error("dy is {}, {} is expected", to_string(c.input(0).shape()), to_string(y));
          const std::vector<double> dy = to_doubles(c.input(0));
          std::vector<double> dx(static_cast<size_t>(c.input(1).num_elements()), 0.0);
          const size_t planes = static_cast<size_t>(y[0] * y[1]);
          const size_t to = static_cast<size_t>(b.elements * b.blocks),
                       from = planes == 0 ? 0 : dy.size() / planes;
          if (planes > 0)
            for_each_block_element(b, [&](int64_t column, int64_t position) {
              for (size_t p = 0; p < planes; ++p)
                dx[p * to + static_cast<size_t>(column)] = dy[p * from + static_cast<size_t>(position)];
            });
          store_doubles(c, 0, dx);
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
