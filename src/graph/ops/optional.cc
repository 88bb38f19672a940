#include "graph/op.h"

namespace dunlin::ops {

/// Its input, as something that might not be there; without an input nothing, of the type in the attribute.
extern constexpr OpDef kOptional{
    .name = "Optional",
    .since = 15,
    .source = "ONNX Optional",
    .inputs = {0, 1},
    .infer =
        [](const InferArgs& a) {
          const Type* given = find_attribute<Type>(a.node(), "type");
          if (!a.has_input(0) && !given) a.error("has neither an input nor the attribute type");
          Type type = a.has_input(0) ? a.type(0) : *given;
          if (a.has_input(0) && type.optional) a.error("an optional of {} is not supported", to_string(type));
          type.optional = true;
          if (given) type.shape.reset();  // a claim, perhaps in the symbols of another graph
          return std::vector<Type>{type};
        },
    .run = [](const ValueCall& c) { c.give(0, c.has_input(0) ? c.value(0).clone() : RunValue()); },
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
