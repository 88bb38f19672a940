#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}};
}

/// Zeros in the type of x, of which only the shape is read: the gradient of an output that nothing used.
extern constexpr OpDef kZerosLike{.name = "ZerosLike",
                                  .domain = kDunlinDomain,
                                  .source = "NumPy zeros_like",
                                  .inputs = 1,
                                  .infer = infer_same,
                                  .forward = [](const OpCall& c) { fill_zero(c.output(0)); },
                                  .shape_only_inputs = 1,
                                  .stops_gradient = true,
                                  .narrow_inputs = 1,
                                  .samples = kSamples};

}  // namespace dunlin::ops
