#include "graph/body.h"
#include "graph/ops/sequence.h"

namespace dunlin::ops {

/// Before the element at the position; at the end without one.
extern constexpr OpDef kSequenceInsert{
    .name = "SequenceInsert",
    .since = 11,
    .source = "ONNX SequenceInsert",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          const Type &s = sequence_type(a, 0), &t = a.type(1);
          const auto both = merge(s, sequence_of(t));
          if (!t.is_tensor() || !both)
            a.error("input 0 is {}, input 1 is {}: one element is expected", to_string(s), to_string(t));
          return std::vector<Type>{*both};
        },
    .run =
        [](const ValueCall& c) {
          RunValue::Elements elements = c.elements(0);
          auto element = element_of(c, 1);
          const Format format = element->format(), before = c.value(0).format();
          if (before && before != format)
            c.error("the sequence is of {}, its new element of {}", before->name, format->name);
          const size_t at = c.has_input(2) ? position(c, 2, elements.size(), true) : elements.size();
          elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(at), std::move(element));
          c.give(0, RunValue::sequence(format, std::move(elements)));
        },
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
