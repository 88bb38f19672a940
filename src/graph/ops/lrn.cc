#include "graph/ops/lrn.h"

#include <cmath>

#include "graph/autodiff/grad.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"size=3", "f32[2,5,3,2]"},
                               {"size=2 alpha=0.1 beta=0.5 bias=2.0", "f32[1,4,3]"},
                               {"size=7 alpha=0.5", "f32[2,4,2]"}};

}  // namespace

extern constexpr OpDef kLRN{
    .name = "LRN",
    .source = "ONNX LRN (Krizhevsky et al. 2012, section 3.3)",
    .inputs = 1,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          std::vector<double> x = to_doubles(c.input(0));
          const ResponseSums r = response_sums(c, c.input(0).shape(), x);
          for (size_t e = 0; e < x.size(); ++e) x[e] /= std::pow(r.s[e], r.beta);
          store_doubles(c, 0, x);
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("LRNGrad", {g.out_grad(0), g.in(0)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
