#include "graph/passes/recognize_lookups.h"

#include <gmock/gmock.h>

#include "graph/testing/qdq_builder.h"

namespace dunlin {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

/// x * sigmoid(x) with every value quantised, as quantisers leave it.
TEST(RecognizeLookups, ATreeWithQuantisationInBetween) {
  QdqBuilder b;
  const ValueId q = b.quantise(b.node("Exp", {b.input({2, 300})}), 0.04f, 100);
  const ValueId gate = b.there_and_back(b.node("Sigmoid", {b.dequantise(q, 0.04f, 100)}), 1.f / 255, 0);
  const ValueId y = b.node("Mul", {b.dequantise(q, 0.04f, 100), gate});
  const Graph before = b.done({b.there_and_back(y, 0.03f, 9)}), after = recognize_lookups(before);
  EXPECT_THAT(ops(after), ElementsAre("Exp", "QuantizeLinear", "QuantizedLookup", "DequantizeLinear"));
  expect_same_results(before, after, 0);
}

TEST(RecognizeLookups, NumbersBoundsAndAChangeOfScale) {
  QdqBuilder b;
  ValueId x = b.there_and_back(b.input({2, 300}), 0.04f, 3, &formats::kI8);
  x = b.node("Clip", {b.node("Add", {b.node("Mul", {b.scalar(0.3f), x}), b.scalar(-0.1f)}), b.scalar(-0.5f)});
  x = b.there_and_back(x, 0.01f, 60);
  const Graph before = b.done({b.there_and_back(x, 0.02f, -5, &formats::kI8)}),
              after = recognize_lookups(before);
  EXPECT_THAT(ops(after), ElementsAre("QuantizeLinear", "QuantizedLookup", "DequantizeLinear"));
  expect_same_results(before, after, 0);
}

TEST(RecognizeLookups, ABoundThatIsReadIsNoNumber) {
  QdqBuilder b;
  const ValueId d = b.there_and_back(b.input({}), 0.04f, 3);
  const ValueId y = b.node("Clip", {b.node("Mul", {d, b.scalar(2)}), d});
  const Graph before = b.done({b.there_and_back(y, 0.1f, 0)});
  EXPECT_THAT(ops(recognize_lookups(before)), Not(Contains("QuantizedLookup")));
}

TEST(RecognizeLookups, LeavesWhatIsOfMoreThanOneByte) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({4, 6}), 0.04f, 3),
                z = b.there_and_back(b.input({4, 6}), 0.04f, 3);
  const ValueId sum = b.there_and_back(b.node("Add", {x, z}), 0.1f, 0);
  const ValueId row = b.there_and_back(b.node("Mul", {x, b.weight({6})}), 0.1f, 0);
  const ValueId wider = b.there_and_back(b.node("Add", {x, b.weight({1, 1, 1})}), 0.1f, 0);
  const ValueId sorted = b.there_and_back(b.node("Softmax", {x}), 0.1f, 0);
  EXPECT_THAT(ops(recognize_lookups(b.done({sum, row, wider, sorted}))), Not(Contains("QuantizedLookup")));
}

}  // namespace
}  // namespace dunlin
