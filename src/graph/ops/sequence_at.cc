#include "graph/ops/sequence.h"

namespace dunlin::ops {

extern constexpr OpDef kSequenceAt{
    .name = "SequenceAt",
    .since = 11,
    .source = "ONNX SequenceAt",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          const Type& s = sequence_type(a, 0);
          return std::vector<Type>{{.format = s.format, .shape = s.shape}};
        },
    .run = [](const ValueCall& c) { c.give(0, c.elements(0)[position(c, 1, c.elements(0).size())]->view()); },
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
