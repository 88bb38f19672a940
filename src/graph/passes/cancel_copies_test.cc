#include "graph/passes/cancel_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

TEST(CancelCopies, IdentityCastAndDropout) {
  GraphBuilder b;
  const ValueId x = b.input({b.symbol("N"), 3});
  ValueId v = b.node("Cast", {b.node("Identity", {x})}, "to=1");
  v = b.node("Dropout", {v});
  v = b.node("Dropout", {v, b.scalar(0), b.constant(Tensor::of<bool>({}, {true}))});
  const Graph before = b.done({b.node("Neg", {v})}), after = cancel_copies(before);
  EXPECT_THAT(ops(after), ElementsAre("Neg"));
  expect_same_results(before, after);
}

TEST(CancelCopies, LeavesDropoutThatDropsAndCastsThatRound) {
  GraphBuilder b;
  const ValueId x = b.input({4, 3});
  const ValueId half = b.node("Cast", {b.node("Cast", {x}, "to=10")}, "to=1");
  const ValueId y = b.node("Dropout", {half, b.scalar(0.5f), b.constant(Tensor::of<bool>({}, {true}))});
  EXPECT_EQ(cancel_copies(b.done({b.node("Neg", {y})})).nodes.size(), 4u);
  GraphBuilder t;
  const ValueId ratio = t.scalar(0);
  const ValueId trained =
      t.node("Dropout", {t.input({4, 3}), ratio, t.constant(Tensor::of<bool>({}, {true}))});
  EXPECT_EQ(cancel_copies(t.done({t.node("Neg", {trained})}), {ratio}).nodes.size(), 2u);
}

/// Once over all inputs for each of them would not end.
TEST(CancelCopies, AWideReaderIsVisitedOnceForEachInput) {
  constexpr size_t kWide = 1 << 19;
  GraphBuilder b;
  const ValueId x = b.input({2});
  const ValueId y = b.node("Max", std::vector<ValueId>(kWide, b.node("Identity", {x})));
  b.g.outputs = {y};
  const Graph after = cancel_copies(b.g);
  ASSERT_THAT(ops(after), ElementsAre("Max"));
  EXPECT_EQ(after.nodes[0].inputs, std::vector<ValueId>(kWide, x));
}

TEST(CancelCopies, AnOutputKeepsItsNode) {
  GraphBuilder b;
  const Graph g = b.done({b.node("Identity", {b.node("Neg", {b.input({4})})})});
  EXPECT_THAT(ops(cancel_copies(g)), ElementsAre("Neg", "Identity"));
}

TEST(CancelCopies, ViewsThereAndBack) {
  GraphBuilder b;
  const int64_t n = b.symbol("N");
  const ValueId x = b.node("Neg", {b.input({n, 4, 6})});
  const ValueId flat = b.node("Reshape", {x, b.ints({-1, 24})});
  const ValueId wide = b.node("Unsqueeze", {flat, b.ints({0})});
  const ValueId back = b.node("Reshape", {wide, b.ints({-1, 4, 6})});
  const Graph before = b.done({b.node("Exp", {back})}), after = cancel_copies(before);
  EXPECT_THAT(ops(after), ElementsAre("Neg", "Exp"));
  expect_same_results(before, after);
}

TEST(CancelCopies, ReshapeOfViewsIsOne) {
  GraphBuilder b;
  const ValueId x = b.input({4, 6});
  const ValueId a = b.node(
      "Reshape", {b.node("Squeeze", {b.node("Unsqueeze", {x, b.ints({1})}), b.ints({1})}), b.ints({3, 8})});
  const ValueId c = b.node("Reshape", {a, b.ints({2, -1})});
  const Graph before = b.done({c}), after = cancel_copies(before);
  EXPECT_THAT(ops(after), ElementsAre("Reshape"));
  expect_same_results(before, after);
}

TEST(CancelCopies, AReshapeThatCopiesASizeStaysOnItsView) {
  GraphBuilder b;
  const ValueId a = b.node("Reshape", {b.input({4, 6}), b.ints({3, 8})});
  const Graph before = b.done({b.node("Reshape", {a, b.ints({0, 2, 4})})}), after = cancel_copies(before);
  EXPECT_EQ(after.nodes.size(), 2u);
  expect_same_results(before, after);
}

TEST(CancelCopies, Transposes) {
  GraphBuilder b;
  const ValueId x = b.node("Neg", {b.input({b.symbol("N"), 3, 4, 5})});
  const ValueId there = b.node("Transpose", {x}, "perm=[0,2,3,1]");
  const ValueId back = b.node("Exp", {b.node("Transpose", {there}, "perm=[0,3,1,2]")});
  const ValueId on = b.node("Transpose", {b.node("Transpose", {back}, "perm=[0,2,1,3]")}, "perm=[2,0,1,3]");
  const Graph before = b.done({on}), after = cancel_copies(before);
  EXPECT_THAT(ops(after), ElementsAre("Neg", "Exp", "Transpose"));
  expect_same_results(before, after);
}

TEST(CancelCopies, ATransposeThatIsReadElsewhereIsNotJoined) {
  GraphBuilder b;
  const ValueId t = b.node("Transpose", {b.input({2, 3, 4})}, "perm=[1,0,2]");
  const ValueId y = b.node("Transpose", {t}, "perm=[0,2,1]");
  EXPECT_EQ(cancel_copies(b.done({y, t})).nodes.size(), 2u);
}

/// As exporters from channels-last frameworks have it around every function.
TEST(CancelCopies, TransposesAroundFunctionsOfElements) {
  GraphBuilder b;
  const ValueId x = b.input({2, 3, 4, 5}), z = b.input({2, 3, 4, 5});
  const auto last = [&](ValueId v) { return b.node("Transpose", {v}, "perm=[0,2,3,1]"); };
  const ValueId sum = b.node("Add", {b.node("Relu", {last(x)}), b.node("Mul", {last(z), b.scalar(2)})});
  const ValueId y = b.node("Transpose", {b.node("Clip", {sum, b.scalar(-1), b.scalar(1)})}, "perm=[0,3,1,2]");
  const Graph before = b.done({b.node("Conv", {y, b.weight({4, 3, 3, 3})})}), after = cancel_copies(before);
  EXPECT_THAT(ops(after), ElementsAre("Relu", "Mul", "Add", "Clip", "Conv"));
  EXPECT_EQ(to_string(*after.type(after.nodes[3].outputs[0]).shape), "[2,3,4,5]");
  expect_same_results(before, after);
}

TEST(CancelCopies, LeavesTransposesAroundWhatMixesElements) {
  const auto around = [](const std::function<ValueId(GraphBuilder&, ValueId)>& f) {
    GraphBuilder b;
    const ValueId t = b.node("Transpose", {b.input({2, 3, 4, 5})}, "perm=[0,2,3,1]");
    const ValueId y = b.node("Transpose", {f(b, t)}, "perm=[0,3,1,2]");
    const Graph before = b.done({b.node("Neg", {y})}), after = cancel_copies(before);
    EXPECT_EQ(after.nodes.size(), before.nodes.size());
    expect_same_results(before, after);
  };
  around([](GraphBuilder& b, ValueId v) { return b.node("Softmax", {v}); });
  around([](GraphBuilder& b, ValueId v) { return b.node("Mul", {v, b.weight({3})}); });
  around([](GraphBuilder& b, ValueId v) { return b.node("Add", {v, b.input({2, 4, 5, 3})}); });
}

TEST(CancelCopies, LeavesAFunctionThatIsReadElsewhere) {
  GraphBuilder b;
  const ValueId r = b.node("Relu", {b.node("Transpose", {b.input({2, 3, 4})}, "perm=[0,2,1]")});
  const Graph g = b.done({b.node("Transpose", {r}, "perm=[0,2,1]"), r});
  EXPECT_EQ(cancel_copies(g).nodes.size(), 3u);
}

}  // namespace
}  // namespace dunlin
