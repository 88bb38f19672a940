#include "graph/autodiff/grad.h"
#include "graph/ops/channels.h"
#include "graph/ops/checks.h"
#include "graph/ops/lu.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[3,3]"}, {"", "f32[2,3,4,4]", 11}, {"", "f32[2,1,1]"}, {"", "f32[2,0,0]"}, {"", "f32[0,2,2]"}};
}

/// Determinants of the matrices [..., M, M].
extern constexpr OpDef kDet{
    .name = "Det",
    .since = 11,
    .source = "ONNX Det",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          return std::vector<Type>{{.format = a.format(0), .shape = det_shape(a, a.shape(0))}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& s = c.input(0).shape();
          const auto n = static_cast<size_t>(s[s.rank() - 1]);
          const std::vector<double> x = to_doubles(c.input(0));
          std::vector<double> y(static_cast<size_t>(c.output(0).num_elements()));
          for (size_t i = 0; i < y.size(); ++i) y[i] = Lu(x.data() + i * n * n, n).determinant();
          store_doubles(c, 0, y);
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("DetGrad", {g.out_grad(0), g.in(0)}));
        },
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
