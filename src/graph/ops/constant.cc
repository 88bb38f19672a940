#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

/// The constant, from whichever of the value attributes the node has.
Tensor value_of(const NodeView& a) {
  if (const TensorPtr* t = find_attribute<TensorPtr>(a.node(), "value")) return (*t)->view();
  if (const float* v = find_attribute<float>(a.node(), "value_float")) return Tensor::of<float>({}, {*v});
  if (const int64_t* v = find_attribute<int64_t>(a.node(), "value_int")) return Tensor::of<int64_t>({}, {*v});
  if (const auto* v = find_attribute<std::vector<float>>(a.node(), "value_floats"))
    return Tensor::of<float>({static_cast<int64_t>(v->size())}, std::span<const float>(*v));
  if (const auto* v = find_attribute<std::vector<int64_t>>(a.node(), "value_ints"))
    return Tensor::of<int64_t>({static_cast<int64_t>(v->size())}, std::span<const int64_t>(*v));
  if (const auto* v = find_attribute<std::string>(a.node(), "value_string"))
    return Tensor::of_strings({}, {*v});
  if (const auto* v = find_attribute<std::vector<std::string>>(a.node(), "value_strings"))
    return Tensor::of_strings({static_cast<int64_t>(v->size())}, *v);
  a.unsupported("no value of a supported kind (value, value_float(s), value_int(s), value_string(s))");
}

constexpr Sample kSamples[] = {{"value_float=1.5", ""}, {"value_ints=[1,2,3]", ""}};

}  // namespace

extern constexpr OpDef kConstant{.name = "Constant",
                                 .source = "ONNX Constant",
                                 .inputs = 0,
                                 .infer =
                                     [](const InferArgs& a) {
                                       const Tensor t = value_of(a);
                                       return std::vector<Type>{{.format = t.format(), .shape = t.shape()}};
                                     },
                                 .forward =
                                     [](const OpCall& c) {
                                       Tensor t = value_of(c);
                                       if (t.format() == &formats::kString)
                                         c.output(0) = std::move(t);
                                       else
                                         copy_logical(t, c.output(0));
                                     },
                                 .stops_gradient = true,
                                 .strings = Strings::kTaken,
                                 .samples = kSamples};

}  // namespace dunlin::ops
