// Every form of attention that is recognised runs on the fused kernel, not on the reference.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dunlin/session.h"
#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

void expect_fused(GraphBuilder& b, ValueId y) {
  const auto g = std::make_shared<Graph>(b.done({y}));
  Session session(g);
  const auto plan = nlohmann::json::parse(session.explain());
  int fused = 0;
  for (const auto& step : plan["steps"]) fused += step["kernel"] == "attention";
  EXPECT_EQ(fused, 1) << plan.dump(1);
  std::vector<Tensor> in;
  for (ValueId v : g->inputs) in.push_back(b.random(*g->type(v).shape, -2, 2));
  const std::vector<Tensor> got = session.run(in), want = evaluate(*g, in);
  ASSERT_EQ(got[0].shape(), want[0].shape());
  for (int64_t i = 0; i < want[0].num_elements(); ++i)
    ASSERT_NEAR(got[0].data<float>()[i], want[0].data<float>()[i], 2e-5) << i;
}

ValueId attend(GraphBuilder& b, ValueId q, ValueId kt, ValueId v, ValueId mask) {
  const ValueId scores = b.node("Mul", {b.node("MatMul", {q, kt}), b.scalar(0.4f)});
  return b.node("MatMul",
                {b.node("Softmax", {mask == kNoValue ? scores : b.node("Add", {scores, mask})}), v});
}

TEST(Attention, EveryMaskRunsOnTheKernel) {
  for (const Shape& mask : {Shape{}, Shape{2, 1, 1, 7}, Shape{1, 3, 5, 7}, Shape{5, 7}, Shape{7}}) {
    SCOPED_TRACE(to_string(mask));
    GraphBuilder b;
    const ValueId q = b.input({2, 3, 5, 4}), kt = b.input({2, 3, 4, 7}), v = b.input({2, 3, 7, 6});
    expect_fused(b, attend(b, q, kt, v, mask.rank() == 0 ? kNoValue : b.input(mask)));
  }
}

TEST(Attention, EveryTranspositionRunsOnTheKernel) {
  for (const char* rows : {"perm=[0,2,1,3]", "perm=[2,0,1,3]"})
    for (const char* columns : {"perm=[0,2,1,3]", "perm=[0,2,3,1]", "perm=[3,2,1,0]"}) {
      SCOPED_TRACE(testing::Message() << rows << " " << columns);
      GraphBuilder b;
      // Sizes are all 3, so that every order fits.
      const auto operand = [&](const char* perm) {
        return b.node("Transpose", {b.input({3, 3, 3, 3})}, perm);
      };
      const ValueId q = operand(rows), kt = operand(columns), v = operand(columns);
      expect_fused(b, b.node("Transpose", {attend(b, q, kt, v, kNoValue)}, rows));
    }
}

TEST(Attention, OneKeyOneQueryAndOneColumnRunOnTheKernel) {
  for (const Shape& sizes : {Shape{1, 4, 7, 6}, Shape{5, 4, 1, 6}, Shape{5, 1, 7, 1}}) {
    SCOPED_TRACE(to_string(sizes));
    GraphBuilder b;
    const ValueId q = b.input({sizes[0], sizes[1]}), kt = b.input({sizes[1], sizes[2]}),
                  v = b.input({sizes[2], sizes[3]});
    expect_fused(b, attend(b, q, kt, v, b.input({1, sizes[2]})));
  }
}

}  // namespace
}  // namespace dunlin
