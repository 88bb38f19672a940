#include "graph/ops/labels.h"

namespace dunlin::ops {

namespace {

LabelMap read_map(const NodeView& a, Format x) {
  Tensor integers = integers_attribute(a, "cats_int64s"), words = strings_attribute(a, "cats_strings");
  if (!integers || !words) a.error("attribute {} is missing", integers ? "cats_strings" : "cats_int64s");
  if (x == &formats::kString)
    return {std::move(words), std::move(integers),
            Tensor::of<int64_t>({}, {a.attr_int("default_int64", -1)})};
  return {std::move(integers), std::move(words),
          Tensor::of_strings({}, {a.attr_string("default_string", "_Unused")})};
}

}  // namespace

/// Strings to integers or integers to strings, as X holds.
extern constexpr OpDef kCategoryMapper{
    .name = "CategoryMapper",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.CategoryMapper",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          if (!a.format(0)) throw NotYetKnown{};
          return infer_mapped_labels(a, read_map(a, a.format(0)));
        },
    .forward = [](const OpCall& c) { map_labels(c, read_map(c, c.input(0).format())); },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
