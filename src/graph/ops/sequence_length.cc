#include "graph/ops/sequence.h"

namespace dunlin::ops {

extern constexpr OpDef kSequenceLength{
    .name = "SequenceLength",
    .since = 11,
    .source = "ONNX SequenceLength",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          sequence_type(a, 0);
          return std::vector<Type>{{.format = &formats::kI64, .shape = Shape{}}};
        },
    .run =
        [](const ValueCall& c) {
          c.give(0, Tensor::of<int64_t>({}, {static_cast<int64_t>(c.elements(0).size())}));
        },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
