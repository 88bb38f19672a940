#include "graph/op.h"

namespace dunlin::ops {

/// From opset 18 on of what is no optional too: that is its own element.
extern constexpr OpDef kOptionalGetElement{.name = "OptionalGetElement",
                                           .since = 15,
                                           .source = "ONNX OptionalGetElement",
                                           .inputs = 1,
                                           .infer =
                                               [](const InferArgs& a) {
                                                 Type type = a.type(0);
                                                 type.optional = false;
                                                 return std::vector<Type>{type};
                                               },
                                           .run =
                                               [](const ValueCall& c) {
                                                 if (c.value(0).is_nothing())
                                                   c.error("the optional has no element");
                                                 c.give(0, c.value(0).clone());
                                               },
                                           .strings = Strings::kTaken};

}  // namespace dunlin::ops
