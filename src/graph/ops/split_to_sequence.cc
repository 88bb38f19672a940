#include "graph/body.h"
#include "graph/ops/movement.h"
#include "graph/ops/sequence.h"

namespace dunlin::ops {

namespace {

/// Sizes of the parts: as given, or all of one size but perhaps the last.
std::vector<int64_t> sizes(const ValueCall& c, int64_t length) {
  std::vector<int64_t> out;
  if (!c.has_input(1) || c.tensor(1).shape().rank() == 0) {
    const int64_t n = c.has_input(1) ? scalar_input(c, 1) : 1;
    if (n < 1) c.error("parts of size {}", n);
    for (int64_t left = length; left > 0; left -= out.back()) {
      c.count_iteration();  // parts without elements cost no bytes
      out.push_back(std::min(n, left));
    }
    return out;
  }
  out = to_ints(c.tensor(1));
  int64_t left = length;
  for (int64_t n : out) {
    if (n < 0 || n > left) c.error("a part of size {}, {} of {} are left", n, left, length);
    left -= n;
  }
  if (left != 0) c.error("the parts sum to {}, the axis is {}", length - left, length);
  return out;
}

bool drops_axis(const NodeView& n) { return !n.has_input(1) && n.attr_int("keepdims", 1) == 0; }

}  // namespace

extern constexpr OpDef kSplitToSequence{
    .name = "SplitToSequence",
    .since = 11,
    .source = "ONNX SplitToSequence",
    .inputs = {1, 2},
    .infer =
        [](const InferArgs& a) {
          Type part{.format = a.format(0), .shape = {}};
          if (!a.type(0).is_tensor()) a.error("input 0 is {}, a tensor is expected", to_string(a.type(0)));
          if (!a.has_shape(0)) return std::vector<Type>{sequence_of(part)};
          const int axis = a.normalize_axis(a.attr_int("axis", 0), a.shape(0).rank());
          part.shape.emplace();
          for (int d = 0; d < a.shape(0).rank(); ++d)
            if (d != axis)
              part.shape->push_back(a.shape(0)[d]);
            else if (!drops_axis(a))
              part.shape->push_back(a.has_input(1) ? kUnknownDim : 1);
          return std::vector<Type>{sequence_of(part)};
        },
    .run =
        [](const ValueCall& c) {
          const Tensor& x = c.tensor(0);
          const int axis = c.normalize_axis(c.attr_int("axis", 0), x.shape().rank());
          const int64_t step = x.strides()[static_cast<size_t>(axis)];
          c.check_bytes(x.num_bytes(), "its parts");
          RunValue::Elements elements;
          int64_t at = 0;
          for (int64_t n : sizes(c, x.shape()[axis])) {
            Shape shape = x.shape();
            shape[axis] = n;
            Tensor part(x.format(), shape);
            copy_window(x, at * step, x.strides(), part);
            at += n;
            Shape kept;
            for (int d = 0; d < shape.rank(); ++d)
              if (d != axis || !drops_axis(c)) kept.push_back(shape[d]);
            elements.push_back(std::make_shared<const Tensor>(part.reshaped(kept)));
          }
          c.give(0, RunValue::sequence(x.format(), std::move(elements)));
        }};

}  // namespace dunlin::ops
