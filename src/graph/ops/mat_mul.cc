#include "graph/autodiff/grad.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[3,4] f32[4,5]"},   {"", "f32[2,3,4] f32[4,5]"}, {"", "f32[2,1,3,4] f32[3,4,2]"},
    {"", "f32[3,4] f32[2,4,2]"}, {"", "f32[2,0,4] f32[4,5]"}, {"", "i32[2,3]@-9..9 i32[3,2]@-9..9"},
};

std::vector<Type> infer(const InferArgs& a) {
  return {{.format = a.format(0), .shape = matmul_shape(a, a.shape(0), a.shape(1), false, false)}};
}

/// A vector operand as the matrix it stands for: gradients are written for matrices only.
ValueId as_matrix(Grad& g, ValueId v, int64_t axis) {
  return g.emit("Unsqueeze", {v, g.constant_ints({axis})});
}

void gradient(Grad& g) {
  // Copies: emitting nodes adds values, which moves the types.
  const Type ta = g.graph().type(g.in(0)), tb = g.graph().type(g.in(1));
  if (!ta.shape || !tb.shape) g.unsupported("the ranks of A and B must be known to differentiate");
  const int ra = ta.shape->rank(), rb = tb.shape->rank();
  ValueId a = g.in(0), b = g.in(1), dy = g.out_grad(0);
  if (rb == 1) dy = as_matrix(g, dy, -1), b = as_matrix(g, b, 1);
  if (ra == 1) dy = as_matrix(g, dy, -2), a = as_matrix(g, a, 0);
  const auto give = [&](int i, int rank, ValueId matrix, ValueId gradient, int64_t axis) {
    gradient = g.reduce_to(gradient, matrix);
    g.to_input(i, rank == 1 ? g.emit("Squeeze", {gradient, g.constant_ints({axis})}) : gradient);
  };
  const auto product = [&](ValueId x, ValueId y, int64_t tx, int64_t ty) {
    return g.emit("BatchMatMul", {x, y}, {{"trans_a", tx}, {"trans_b", ty}});
  };
  if (g.needs(0)) give(0, ra, a, product(dy, b, 0, 1), 0);
  if (!g.needs(1)) return;
  // A weight shared by all batches: one long product instead of a product a batch and their sum.
  if (rb == 2 && ra > 2 && (*tb.shape)[0] > 0 && (*tb.shape)[1] > 0) {
    const ValueId rows = g.emit("Reshape", {a, g.constant_ints({-1, (*tb.shape)[0]})});
    const ValueId grads = g.emit("Reshape", {dy, g.constant_ints({-1, (*tb.shape)[1]})});
    g.to_input(1, g.emit("Gemm", {rows, grads}, {{"transA", int64_t{1}}}));
  } else {
    give(1, rb, b, product(a, dy, 1, 0), 1);
  }
}

}  // namespace

extern constexpr OpDef kMatMul{.name = "MatMul",
                               .source = "ONNX MatMul",
                               .inputs = 2,
                               .infer = infer,
                               .forward = [](const OpCall& c) { matmul_forward(c, false, false); },
                               .gradient = gradient,
                               .samples = kSamples};

}  // namespace dunlin::ops
