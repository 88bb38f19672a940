#include "graph/ops/tile.h"

#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[4,6] f32[2,3]"}, {"", "f32[2,0] f32[2,3]"}};
}

/// dy, x -> the shape of x (only its shape is read): the sum of the tiles, in their order.
extern constexpr OpDef kTileGrad{.name = "TileGrad",
                                 .domain = kDunlinDomain,
                                 .source = "adjoint of ONNX Tile",
                                 .inputs = 2,
                                 .infer = infer_like_input1,
                                 .forward =
                                     [](const OpCall& c) {
                                       const Shape &y = c.input(0).shape(), &x = c.output(0).shape();
                                       if (y.rank() != x.rank())
                                         c.error("dy is {}, x {}", to_string(y), to_string(x));
                                       for_float_format(c.input(0).format(), [&]<typename T>() {
                                         std::vector<double> sums(static_cast<size_t>(x.num_elements()), 0.0);
                                         const auto dy = c.in<T>(0);
                                         for_each_tiled(x, y, row_major_strides(x), [&](size_t o, int64_t i) {
                                           sums[static_cast<size_t>(i)] += to_double(dy[o]);
                                         });
                                         const auto dx = c.out<T>(0);
                                         for (size_t i = 0; i < sums.size(); ++i)
                                           dx[i] = from_double<T>(sums[i]);
                                       });
                                     },
                                 .shape_only_inputs = 0b10,
                                 .samples = kSamples};

}  // namespace dunlin::ops
