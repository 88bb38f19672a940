#include "graph/ops/sequence.h"

namespace dunlin::ops {

namespace {
Format format_of_elements(const NodeView& n) {
  constexpr int64_t kFloat = 1;
  const int64_t type = n.attr_int("dtype", kFloat);
  const Format f = find_format_by_onnx_type(static_cast<int>(type));
  if (!f) n.unsupported("elements of the ONNX type {} are not supported", type);
  return f;
}
}  // namespace

extern constexpr OpDef kSequenceEmpty{
    .name = "SequenceEmpty",
    .since = 11,
    .source = "ONNX SequenceEmpty",
    .inputs = 0,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{sequence_of({.format = format_of_elements(a), .shape = {}})};
        },
    .run = [](const ValueCall& c) { c.give(0, RunValue::sequence(format_of_elements(c), {})); },
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
