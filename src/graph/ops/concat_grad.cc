#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"axis=1", "f32[2,4] f32[2,3] f32[2,1]", kNewestOpset, 2}};
}

/// dy, x0, x1, ... -> the parts of dy along `axis` in the shapes of x0, x1, ..., of which only the shapes are
/// read.
extern constexpr OpDef kConcatGrad{
    .name = "ConcatGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Concat",
    .inputs = {2, kVariadic},
    .outputs = {1, kVariadic},
    .infer =
        [](const InferArgs& a) {
          std::vector<Type> out;
          for (int i = 1; i < a.num_inputs(); ++i)
            out.push_back({.format = a.format(0), .shape = a.shape(i)});
          return out;
        },
    .forward =
        [](const OpCall& c) {
          const Tensor& dy = c.input(0);
          const int axis = c.normalize_axis(c.attr_int("axis", 1), dy.shape().rank());
          int64_t offset = 0;
          for (int i = 0; i < c.num_outputs(); ++i) {
            copy_window(dy, offset * dy.strides()[static_cast<size_t>(axis)], dy.strides(), c.output(i));
            offset += c.output(i).shape()[axis];
          }
        },
    .shape_only_inputs = ~1u,
    .narrow_inputs = kAllInputs,
    .samples = kSamples};

}  // namespace dunlin::ops
