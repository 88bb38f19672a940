#include "graph/activation.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"activation='Gelu'", "f32[2,3,4] f32[4,5] f32[5] f32[2,3,5]"},
    {"trans_b=1 activation='Clip' activation_a=0.0 activation_b=6.0", "f32[3,4] f32[5,4] f32[5]"},
    {"trans_b=1", "f32[3,4] f32[17,4] _ f32[3,17]"},
};

bool trans_b(const NodeView& a) { return a.attr_int("trans_b", 0) != 0; }

void forward(const OpCall& c) {
  matmul_forward(c, false, trans_b(c));
  const Activation act = activation_attribute(c);
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    const size_t n = static_cast<size_t>(c.output(0).shape()[c.output(0).shape().rank() - 1]);
    for (size_t i = 0; i < y.size(); ++i) {
      double v = to_double(y[i]);
      if (c.has_input(2)) v += to_double(c.in<T>(2)[i % n]);
      if (c.has_input(3)) v += to_double(c.in<T>(3)[i]);
      y[i] = from_double<T>(apply(act, v));
    }
  });
}

}  // namespace

/// activation(a * b + bias + residual): a[..., M, K], b[K, N] (or [N, K] with trans_b), bias[N] (optional),
/// residual like the result (optional) {activation}. Made by passes/fuse_epilogues.h.
extern constexpr OpDef kFusedMatMul{
    .name = "FusedMatMul",
    .domain = kDunlinDomain,
    .source = "ONNX MatMul or Gemm, Add and an activation",
    .inputs = {2, 4},
    .infer =
        [](const InferArgs& a) {
          if (a.shape(0).rank() < 2 || a.shape(1).rank() != 2) a.error("matrices are expected");
          return std::vector<Type>{
              {.format = a.format(0), .shape = matmul_shape(a, a.shape(0), a.shape(1), false, trans_b(a))}};
        },
    .forward = forward,
    .samples = kSamples};

}  // namespace dunlin::ops
