#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

std::vector<int64_t> sizes(const InferArgs& a, int64_t length) {
  if (auto given = a.ints("split", 1)) {
    int64_t sum = 0;
    for (int64_t n : *given) {
      if (n < 0 || n > int64_t{1} << 48) a.error("a part of size {}", n);
      sum += n;
    }
    if (length >= 0 && sum != length) a.error("the parts sum to {}, the axis is {}", sum, length);
    if (static_cast<int>(given->size()) != a.num_outputs())
      a.error("{} parts for {} outputs", given->size(), a.num_outputs());
    return *given;
  }
  const int64_t n = a.attr_int("num_outputs", a.num_outputs());
  if (n != a.num_outputs()) a.error("num_outputs is {}, the node has {} outputs", n, a.num_outputs());
  if (length < 0) return std::vector<int64_t>(static_cast<size_t>(n), kUnknownDim);
  if (a.opset() < 18 && length % n != 0) a.error("{} does not divide into {} equal parts", length, n);
  const int64_t part = (length + n - 1) / n;  // the last is smaller when they do not divide
  std::vector<int64_t> out(static_cast<size_t>(n), part);
  out.back() = length - part * (n - 1);
  if (out.back() < 0) a.error("{} does not divide into {} parts", length, n);
  return out;
}

constexpr Sample kSamples[] = {{"axis=1", "f32[2,5] i64{2,3}", kNewestOpset, 2},
                               {"num_outputs=3", "f32[5,2]", kNewestOpset, 3},
                               {"axis=-1 split=[1,1,2]", "f32[2,4]", 11, 3},
                               {"axis=-2 num_outputs=2", "f32[2,5,2]", 18, 2},
                               {"", "f32[4]", 13, 2}};

}  // namespace

extern constexpr OpDef kSplit{
    .name = "Split",
    .since = 2,
    .source = "ONNX Split",
    .inputs = {1, 2},
    .outputs = {1, kVariadic},
    .infer =
        [](const InferArgs& a) {
          const Shape& x = a.shape(0);
          const int axis = a.normalize_axis(a.attr_int("axis", 0), x.rank());
          std::vector<Type> out;
          for (int64_t n : sizes(a, x[axis])) {
            Shape part = x;
            part[axis] = n;
            out.push_back({.format = a.format(0), .shape = part});
          }
          return out;
        },
    .forward =
        [](const OpCall& c) {
          const Tensor& x = c.input(0);
          const int axis = c.normalize_axis(c.attr_int("axis", 0), x.shape().rank());
          int64_t offset = 0;
          for (int i = 0; i < c.num_outputs(); ++i) {
            copy_window(x, offset * x.strides()[static_cast<size_t>(axis)], x.strides(), c.output(i));
            offset += c.output(i).shape()[axis];
          }
        },
    .gradient =
        [](Grad& g) {
          std::vector<ValueId> parts;
          for (int i = 0; i < g.num_outputs(); ++i)
            parts.push_back(g.out_grad(i) != kNoValue ? g.out_grad(i) : g.emit("ZerosLike", {g.out(i)}));
          g.to_input(0, g.emit("Concat", parts, {{"axis", g.attr_int("axis", 0)}}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
