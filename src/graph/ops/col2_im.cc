#include "graph/ops/col2_im.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[1,5,5] i64{5,5} i64{1,5}", 18},
    {"pads=[1,1,1,1] strides=[2,1] dilations=[1,2]", "f32[2,12,9] i64{5,5} i64{2,3}"},
    {"", "f32[1,8,12] i64{2,3,4} i64{1,2,2}"},
    {"strides=[2]", "f32[1,2,3] i64{6} i64{2}"},
    {"", "i32[1,4,2]@-9..9 i64{3} i64{2}"},
};

}  // namespace

ImageBlocks image_blocks(const NodeView& a, const std::vector<int64_t>& image,
                         const std::vector<int64_t>& block) {
  const size_t axes = image.size();
  if (axes < 1) a.error("image_shape is empty");
  ImageBlocks b;
  b.image = bounded(a, "image_shape", image, axes, 1);
  b.block = bounded(a, "block_shape", block, axes, 1);
  b.dilation = bounded_attribute(a, "dilations", axes, 1, 1);
  b.stride = bounded_attribute(a, "strides", axes, 1, 1);
  b.pad = bounded_attribute(a, "pads", 2 * axes, 0, 0);
  for (size_t d = 0; d < axes; ++d) {
    const int64_t room = b.image[d] + b.pad[d] + b.pad[axes + d] - ((b.block[d] - 1) * b.dilation[d] + 1);
    if (room < 0) a.error("a block reaches beyond the padded image in axis {}", d);
    b.count.push_back(room / b.stride[d] + 1);
  }
  const auto product = [&](std::string_view what, const std::vector<int64_t>& sizes) {
    int64_t total = 1;
    for (int64_t s : sizes) {
      if (s > (int64_t{1} << 48) / total) a.error("{} come to more than 2^48", what);
      total *= s;
    }
    return total;
  };
  product("the elements of the image", b.image);
  b.elements = product("the elements of a block", b.block);
  b.blocks = product("the blocks of the image", b.count);
  product("the elements of all blocks", {b.elements, b.blocks});
  return b;
}

Shape image_shape(const NodeView& a, const Shape& x, const ImageBlocks& b) {
  if (x.rank() != 3 || (x[1] >= 0 && x[1] % b.elements != 0) || (x[2] >= 0 && x[2] != b.blocks))
    a.error("the input is {}, [N, C * {}, {}] is expected", to_string(x), b.elements, b.blocks);
  Shape y{x[0], x[1] < 0 ? kUnknownDim : x[1] / b.elements};
  for (int64_t d : b.image) y.push_back(d);
  return y;
}

/// input[N, C * block elements, blocks], image_shape, block_shape -> [N, C, image...]: blocks that overlap add
/// up.
extern constexpr OpDef kCol2Im{
    .name = "Col2Im",
    .since = 18,
    .source = "ONNX Col2Im",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) {
          std::optional<Shape> y;
          if (a.constant(1) && a.constant(2))
            y = image_shape(a, a.shape(0), image_blocks(a, to_ints(*a.constant(1)), to_ints(*a.constant(2))));
          return std::vector<Type>{{.format = a.format(0), .shape = y}};
        },
    .forward =
        [](const OpCall& c) {
          const ImageBlocks b = image_blocks(c, to_ints(c.input(1)), to_ints(c.input(2)));
          const Shape shape = image_shape(c, c.input(0).shape(), b);
          if (!c.output(0)) c.allocate(0, c.input(0).format(), shape);
          if (shape.num_elements() == 0) return;
          for_format(c.input(0).format(), [&]<typename T>() {
            const auto x = c.in<T>(0);
            const auto y = c.out<T>(0);
            std::vector<ProductSum<T>> sums(y.size());
            const size_t planes = static_cast<size_t>(shape[0] * shape[1]), to = y.size() / planes;
            const auto from = static_cast<size_t>(b.elements * b.blocks);
            for_each_block_element(b, [&](int64_t column, int64_t position) {
              for (size_t p = 0; p < planes; ++p)
                sums[p * to + static_cast<size_t>(position)] +=
                    to_sum(x[p * from + static_cast<size_t>(column)]);
            });
            for (size_t i = 0; i < sums.size(); ++i) y[i] = to_element<T>(sums[i]);
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0,
                     g.emit("Col2ImGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(2)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
