#include "graph/infer.h"

#include <gtest/gtest.h>

namespace dunlin {
namespace {

// A file of a few hundred bytes can ask for any number of folded gigabytes.
TEST(Infer, FoldsNoMoreThanItsBudget) {
  Graph g;
  g.opsets[""] = kNewestOpset;
  const ValueId shape =
      g.add_initializer("shape", std::make_shared<Tensor>(Tensor::of<int64_t>({1}, {150})));  // 600 bytes
  for (int i = 0; i < 3; ++i) {
    const ValueId out = g.add_value(fmt::format("y{}", i));
    g.nodes.push_back({.op = "ConstantOfShape",
                       .domain = "",
                       .name = "",
                       .attributes = {},
                       .inputs = {shape},
                       .outputs = {out}});
    g.outputs.push_back(out);
  }
  InferOptions options;
  options.max_folded_bytes = 1300;
  const Graph folded = infer_and_fold(g, options);
  EXPECT_EQ(folded.nodes.size(), 1u);
  EXPECT_NE(folded.initializer(folded.outputs[1]), nullptr);
  EXPECT_EQ(folded.initializer(folded.outputs[2]), nullptr);
  EXPECT_EQ(*folded.type(folded.outputs[2]).shape, Shape{150});
}

// Gradients and passes hold on to a type while they add values.
TEST(Graph, ReferencesToTypesSurviveMoreValues) {
  Graph g;
  const Type& first = g.type(g.add_value("x", {.format = &formats::kF32, .shape = Shape{2, 3}}));
  for (int i = 0; i < 1000; ++i) g.add_value(fmt::format("v{}", i));
  EXPECT_EQ(&first, &g.type(0));
  EXPECT_EQ(to_string(first), "f32[2,3]");
}

}  // namespace
}  // namespace dunlin
