#include "graph/ops/sequence.h"

namespace dunlin::ops {

/// The element at the position; the last without one.
extern constexpr OpDef kSequenceErase{
    .name = "SequenceErase",
    .since = 11,
    .source = "ONNX SequenceErase",
    .inputs = {1, 2},
    .infer = [](const InferArgs& a) { return std::vector<Type>{sequence_type(a, 0)}; },
    .run =
        [](const ValueCall& c) {
          RunValue::Elements elements = c.elements(0);
          if (elements.empty()) c.error("the sequence is empty");
          const size_t at = c.has_input(1) ? position(c, 1, elements.size()) : elements.size() - 1;
          elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(at));
          c.give(0, RunValue::sequence(c.value(0).format(), std::move(elements)));
        },
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
