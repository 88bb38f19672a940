#include "graph/ops/lp_normalization.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[3,5]"}, {"axis=0 p=1", "f32[2,3]"}, {"axis=1", "f32[2,4,3]", 1}, {"", "f32[2,2]{0,0,3,4}"}};
}

/// Every lane of `axis` divided by its L1 or L2 norm; a lane of zeros stays.
extern constexpr OpDef kLpNormalization{
    .name = "LpNormalization",
    .source = "ONNX LpNormalization",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          lp_axis(a, a.shape(0).rank());
          return std::vector<Type>{a.type(0)};
        },
    .forward =
        [](const OpCall& c) {
          const Lanes l = lp_lanes(c, c.input(0).shape());
          const bool absolute = c.attr_int("p", 2) == 1;
          std::vector<double> x = to_doubles(c.input(0));
          if (x.empty()) return;
          for_each_lane(l, [&](size_t first, size_t step) {
            const double norm = lp_norm(x, l, first, step, absolute);
            for (size_t i = 0; norm != 0 && i < static_cast<size_t>(l.length); ++i)
              x[first + i * step] /= norm;
          });
          store_doubles(c, 0, x);
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("LpNormalizationGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
