#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3]"}, {"", "i64[2]"}};
}

extern constexpr OpDef kIdentity{.name = "Identity",
                                 .source = "ONNX Identity",
                                 .inputs = 1,
                                 .infer = infer_same,
                                 .forward = [](const OpCall& c) { copy_logical(c.input(0), c.output(0)); },
                                 .run = [](const ValueCall& c) { c.give(0, c.value(0).clone()); },
                                 .gradient = [](Grad& g) { g.to_input(0, g.out_grad(0)); },
                                 .strings = Strings::kNumbered,
                                 .narrow_inputs = 1,
                                 .samples = kSamples};

}  // namespace dunlin::ops
