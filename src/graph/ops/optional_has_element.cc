#include "graph/op.h"

namespace dunlin::ops {

extern constexpr OpDef kOptionalHasElement{
    .name = "OptionalHasElement",
    .since = 15,
    .source = "ONNX OptionalHasElement",
    .inputs = {0, 1},
    .infer =
        [](const InferArgs&) { return std::vector<Type>{{.format = &formats::kBool, .shape = Shape{}}}; },
    .run =
        [](const ValueCall& c) {
          c.give(0, Tensor::of<bool>({}, {c.has_input(0) && !c.value(0).is_nothing()}));
        },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
