#include "graph/ops/movement.h"
#include "graph/ops/scan_output.h"
#include "graph/ops/sequence.h"

namespace dunlin::ops {

namespace {

int64_t axis_of(const NodeView& n) {
  const int64_t* axis = find_attribute<int64_t>(n.node(), "axis");
  if (!axis) n.error("the attribute axis is missing");
  return *axis;
}
bool adds_axis(const NodeView& n) { return n.attr_int("new_axis", 0) != 0; }

/// Along an axis that the elements have.
Tensor joined(const ValueCall& c, const RunValue::Elements& elements) {
  Shape shape = elements[0]->shape();
  const int axis = c.normalize_axis(axis_of(c), shape.rank());
  shape[axis] = 0;
  for (size_t i = 0; i < elements.size(); ++i) {
    Shape other = elements[i]->shape();
    const bool fits = other.rank() == shape.rank();
    const int64_t n = fits ? std::exchange(other[axis], shape[axis]) : 0;
    if (!fits || other != shape || elements[i]->format() != elements[0]->format() ||
        __builtin_add_overflow(shape[axis], n, &shape[axis]))
      c.error("element 0 is {}{}, element {} is {}{}", elements[0]->format()->name,
              to_string(elements[0]->shape()), i, elements[i]->format()->name,
              to_string(elements[i]->shape()));
  }
  Tensor out = c.allocate(elements[0]->format(), shape);
  int64_t at = 0;
  for (const auto& t : elements) {
    scatter_window(*t, out, at * out.strides()[static_cast<size_t>(axis)], out.strides(), false);
    at += t->shape()[axis];
  }
  return out;
}

}  // namespace

extern constexpr OpDef kConcatFromSequence{
    .name = "ConcatFromSequence",
    .since = 11,
    .source = "ONNX ConcatFromSequence",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          const Type& s = sequence_type(a, 0);
          if (adds_axis(a))
            return std::vector<Type>{
                stacked_type(a, {.format = s.format, .shape = s.shape}, axis_of(a), kUnknownDim)};
          Type out{.format = s.format, .shape = s.shape};
          if (out.shape) (*out.shape)[a.normalize_axis(axis_of(a), out.shape->rank())] = kUnknownDim;
          return std::vector<Type>{out};
        },
    .run =
        [](const ValueCall& c) {
          const RunValue::Elements& elements = c.elements(0);
          if (elements.empty()) c.error("the sequence is empty");
          if (!adds_axis(c)) return c.give(0, joined(c, elements));
          ScanOutput all;
          for (const auto& t : elements) all.add(c, 0, t->view());
          c.give(0, all.stacked(c, 0, axis_of(c), false));
        }};

}  // namespace dunlin::ops
