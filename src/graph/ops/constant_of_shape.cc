#include "graph/ops/movement.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

Tensor fill_value(const NodeView& a) {
  if (const TensorPtr* t = find_attribute<TensorPtr>(a.node(), "value")) {
    if ((*t)->num_elements() != 1) a.error("value has {} elements, one is expected", (*t)->num_elements());
    return (*t)->reshaped({});
  }
  return Tensor::of<float>({}, {0.f});
}

constexpr Sample kSamples[] = {{"", "i64{2,3}"}, {"", "i64[0]{}"}};

}  // namespace

extern constexpr OpDef kConstantOfShape{
    .name = "ConstantOfShape",
    .since = 9,
    .source = "ONNX ConstantOfShape",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          Type type{.format = fill_value(a).format(), .shape = {}};
          if (a.constant(0)) type.shape = checked_shape(a, to_ints(*a.constant(0)));
          return std::vector<Type>{type};
        },
    .forward =
        [](const OpCall& c) {
          const Tensor value = fill_value(c);
          if (!c.output(0)) c.allocate(0, value.format(), checked_shape(c, to_ints(c.input(0))));
          copy_window(value, 0, Strides(static_cast<size_t>(c.output(0).shape().rank()), 0), c.output(0));
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
