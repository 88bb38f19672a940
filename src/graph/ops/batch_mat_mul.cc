#include "graph/autodiff/grad.h"
#include "graph/ops/matmul.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"trans_a=1", "f32[2,4,3] f32[2,4,5]"},
    {"trans_b=1", "f32[2,3,4] f32[5,4]"},
    {"trans_a=1 trans_b=1", "f32[4,3] f32[2,5,4]"},
};

bool flag(const NodeView& a, std::string_view name) { return a.attr_int(name, 0) != 0; }

void gradient(Grad& g) {
  const int64_t ta = g.attr_int("trans_a", 0), tb = g.attr_int("trans_b", 0);
  const ValueId dy = g.out_grad(0), a = g.in(0), b = g.in(1);
  const auto product = [&](ValueId x, ValueId y, int64_t tx, int64_t ty) {
    return g.emit("BatchMatMul", {x, y}, {{"trans_a", tx}, {"trans_b", ty}});
  };
  if (g.needs(0)) g.to_input(0, g.reduce_to(ta ? product(b, dy, tb, 1) : product(dy, b, 0, 1 - tb), a));
  if (g.needs(1)) g.to_input(1, g.reduce_to(tb ? product(dy, a, 1, ta) : product(a, dy, 1 - ta, 0), b));
}

}  // namespace

/// MatMul of matrices (rank >= 2, batch axes broadcast) with trans_a and trans_b, which exchange the last two
/// axes of an operand as it is read, so that no gradient materialises a transpose.
extern constexpr OpDef kBatchMatMul{
    .name = "BatchMatMul",
    .domain = kDunlinDomain,
    .source = "ONNX MatMul with transposed operands",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          if (a.shape(0).rank() < 2 || a.shape(1).rank() < 2) a.error("matrices are expected");
          return std::vector<Type>{
              {.format = a.format(0),
               .shape = matmul_shape(a, a.shape(0), a.shape(1), flag(a, "trans_a"), flag(a, "trans_b"))}};
        },
    .forward = [](const OpCall& c) { matmul_forward(c, flag(c, "trans_a"), flag(c, "trans_b")); },
    .gradient = gradient,
    .samples = kSamples};

}  // namespace dunlin::ops
