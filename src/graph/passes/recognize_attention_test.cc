#include "graph/passes/recognize_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

struct Parts {
  ValueId scores, scaled, masked, shares, y;
};

/// softmax(q k^T / 2 + mask) v of Q [.., queries, head], K^T and V; `mask` kNoValue: none.
Parts attend(GraphBuilder& b, ValueId q, ValueId kt, ValueId v, ValueId mask, int axis = -1) {
  Parts p{};
  p.scores = b.node("MatMul", {q, kt});
  p.scaled = b.node("Div", {p.scores, b.scalar(2)});
  p.masked = mask == kNoValue ? p.scaled : b.node("Add", {p.scaled, mask});
  p.shares = b.node("Softmax", {p.masked}, axis == -1 ? "" : "axis=" + std::to_string(axis));
  p.y = b.node("MatMul", {p.shares, v});
  return p;
}

/// As PyTorch exports a BERT layer: heads are parts of rows.
TEST(RecognizeAttention, HeadsOfRowsWithAMask) {
  for (Shape mask : {Shape{2, 1, 1, 7}, Shape{1, 3, 5, 7}, Shape{7}}) {
    GraphBuilder b;
    const ValueId q = b.node("Transpose", {b.input({2, 5, 3, 4})}, "perm=[0,2,1,3]");
    const ValueId kt = b.node("Transpose", {b.input({2, 7, 3, 4})}, "perm=[0,2,3,1]");
    const ValueId v = b.node("Transpose", {b.input({2, 7, 3, 6})}, "perm=[0,2,1,3]");
    const ValueId y = b.node("Transpose", {attend(b, q, kt, v, b.input(mask)).y}, "perm=[0,2,1,3]");
    const Graph before = b.done({y}), after = recognize_attention(before);
    EXPECT_THAT(ops(after), ElementsAre("FusedAttention"));
    expect_same_results(before, after);
  }
}

/// As PyTorch's MultiheadAttention: heads join the batch, the scale stands before the product.
TEST(RecognizeAttention, ScaledQueriesAndKeys) {
  GraphBuilder b;
  const ValueId q =
      b.node("Div", {b.node("Transpose", {b.input({5, 6, 4})}, "perm=[1,0,2]"), b.scalar(1.7f)});
  const ValueId kt =
      b.node("Mul", {b.scalar(0.6f), b.node("Transpose", {b.input({7, 6, 4})}, "perm=[1,2,0]")});
  const ValueId y = b.node("MatMul", {b.node("Softmax", {b.node("MatMul", {q, kt})}), b.input({6, 7, 3})});
  const Graph before = b.done({y}), after = recognize_attention(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedAttention"));
  expect_same_results(before, after);
}

TEST(RecognizeAttention, TranspositionsThatMoveRowsStay) {
  GraphBuilder b;
  const ValueId q = b.node("Transpose", {b.input({4, 5})});
  const ValueId y = b.node("Transpose", {attend(b, q, b.input({4, 7}), b.input({7, 3}), kNoValue).y});
  const Graph before = b.done({y}), after = recognize_attention(before);
  EXPECT_THAT(ops(after), ElementsAre("Transpose", "FusedAttention", "Transpose"));
  expect_same_results(before, after);
}

TEST(RecognizeAttention, LeavesWhatIsReadElsewhere) {
  for (int which = 0; which < 4; ++which) {
    GraphBuilder b;
    const Parts p = attend(b, b.input({5, 4}), b.input({4, 7}), b.input({7, 3}), b.input({5, 7}));
    const ValueId inner[] = {p.scores, p.scaled, p.masked, p.shares};
    EXPECT_EQ(recognize_attention(b.done({p.y, inner[which]})).nodes.size(), 5u) << which;
  }
}

TEST(RecognizeAttention, LeavesOtherAxesMasksBatchesAndOpenSizes) {
  const auto stays = [](const std::function<ValueId(GraphBuilder&)>& build, const char* why) {
    GraphBuilder b;
    const ValueId y = build(b);
    const Graph g = b.done({y});
    EXPECT_EQ(recognize_attention(g).nodes.size(), g.nodes.size()) << why;
  };
  stays(
      [](GraphBuilder& b) {
        return attend(b, b.input({5, 4}), b.input({4, 7}), b.input({7, 3}), kNoValue, 0).y;
      },
      "softmax over queries");
  stays(
      [](GraphBuilder& b) {
        return attend(b, b.input({5, 4}), b.input({4, 7}), b.input({7, 3}), b.input({5, 1})).y;
      },
      "one number for a row of the mask");
  stays(
      [](GraphBuilder& b) {
        return attend(b, b.input({2, 5, 4}), b.input({1, 4, 7}), b.input({2, 7, 3}), kNoValue).y;
      },
      "shared keys");
  stays(
      [](GraphBuilder& b) {
        const int64_t n = b.symbol("N");
        return attend(b, b.input({n, 4}), b.input({4, n}), b.input({n, 3}), kNoValue).y;
      },
      "open sizes");
}

/// Before opset 7 a mask may line up with an axis other than the last.
TEST(RecognizeAttention, LeavesAnAxisThatTheMaskNames) {
  GraphBuilder b;
  const ValueId scores = b.node("MatMul", {b.input({5, 4}), b.input({4, 5})});
  const ValueId masked = b.node("Add", {scores, b.input({5})}, "broadcast=1 axis=0");
  b.g.nodes.back().opset = 6;
  const Graph before = b.done({b.node("MatMul", {b.node("Softmax", {masked}), b.input({5, 3})})});
  const Graph after = recognize_attention(before);
  EXPECT_EQ(after.nodes.size(), before.nodes.size());
  expect_same_results(before, after);
}

TEST(RecognizeAttention, ATrainedNumberIsNoScale) {
  GraphBuilder b;
  const ValueId scale = b.scalar(0.5f);
  const ValueId s = b.node("Mul", {b.node("MatMul", {b.input({5, 4}), b.input({4, 7})}), scale});
  const Graph g = b.done({b.node("MatMul", {b.node("Softmax", {s}), b.input({7, 3})})});
  EXPECT_EQ(recognize_attention(g).nodes.size(), 1u);
  EXPECT_EQ(recognize_attention(g, {scale}).nodes.size(), 4u);
}

}  // namespace
}  // namespace dunlin
