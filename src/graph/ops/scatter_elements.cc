#include "graph/autodiff/grad.h"
#include "graph/ops/scatter.h"

namespace dunlin::ops {

void scatter_elements(const OpCall& c) {
  if (c.input(1).shape() != c.input(2).shape())
    c.error("indices are {}, updates {}", to_string(c.input(1).shape()), to_string(c.input(2).shape()));
  scatter(c, [&](auto put) { for_each_element_index(c, c.input(0).shape(), c.input(1), put); });
}

void scatter_elements_gradient(Grad& g) {
  const Reduction reduction = reduction_of(g);
  if (reduction != Reduction::kNone && reduction != Reduction::kAdd)
    g.unsupported("the gradient of this reduction is not supported");
  const Attributes axis{{"axis", g.attr_int("axis", 0)}};
  const ValueId dy = g.out_grad(0);
  // What was overwritten has no influence any more. Indices that repeat are undefined in ONNX but for the
  // reductions.
  g.to_input(0, reduction == Reduction::kAdd
                    ? dy
                    : g.emit("ScatterElements", {dy, g.in(1), g.emit("ZerosLike", {g.in(2)})}, axis));
  g.to_input(2, g.emit("GatherElements", {dy, g.in(1)}, axis));
}

namespace {

constexpr Sample kSamples[] = {{"axis=1", "f32[2,4] i64[2,2]{0,-1,2,1} f32[2,2]"},
                               {"", "f32[3,2] i64[1,2]{2,0} f32[1,2]", 13},
                               {"reduction='add'", "f32[3,2] i64[2,2]{2,0,2,1} f32[2,2]", 16},
                               {"reduction='max'", "i32[3]@-9..9 i64{1,1} i32[2]@-9..9", 18}};

}  // namespace

extern constexpr OpDef kScatterElements{.name = "ScatterElements",
                                        .since = 11,
                                        .source = "ONNX ScatterElements",
                                        .inputs = 3,
                                        .infer = infer_scatter,
                                        .forward = scatter_elements,
                                        .gradient = scatter_elements_gradient,
                                        .samples = kSamples};

}  // namespace dunlin::ops
