#include "graph/passes/recognize_norms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/testing/graph_builder.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

/// How an exporter spells it.
struct Spelling {
  bool attribute_axes = true;  ///< ReduceMean before opset 18
  bool product = false;        ///< Mul(d, d) for Pow(d, 2)
  bool reciprocal = false;     ///< Mul by Reciprocal(Sqrt) for Div by Sqrt
  std::vector<int64_t> axes = {-1};
};

struct Normed {
  ValueId mean, d, root, y;
};

ValueId mean(GraphBuilder& b, ValueId v, const Spelling& s) {
  if (!s.attribute_axes) return b.node("ReduceMean", {v, b.ints(s.axes)});
  const ValueId out = b.node("ReduceMean", {v});
  b.g.nodes.back().attributes["axes"] = s.axes;
  b.g.nodes.back().opset = 13;
  return out;
}

Normed normalise(GraphBuilder& b, ValueId x, const Spelling& s, bool centred = true) {
  Normed n{};
  n.mean = centred ? mean(b, x, s) : kNoValue;
  n.d = centred ? b.node("Sub", {x, n.mean}) : x;
  const ValueId square = s.product ? b.node("Mul", {n.d, n.d}) : b.node("Pow", {n.d, b.scalar(2)});
  n.root = b.node("Sqrt", {b.node("Add", {mean(b, square, s), b.scalar(1e-3f)})});
  n.y = s.reciprocal ? b.node("Mul", {b.node("Reciprocal", {n.root}), n.d}) : b.node("Div", {n.d, n.root});
  return n;
}

TEST(RecognizeLayerNorms, InEverySpelling) {
  for (bool attribute_axes : {true, false})
    for (bool product : {true, false})
      for (bool reciprocal : {true, false})
        for (const std::vector<int64_t>& axes : {std::vector<int64_t>{-1}, {1, 2}}) {
          GraphBuilder b;
          const Shape width = axes.size() == 1 ? Shape{6} : Shape{5, 6};
          const ValueId x = b.input({b.symbol("N"), 5, 6});
          const ValueId n = normalise(b, x, {attribute_axes, product, reciprocal, axes}).y;
          const ValueId y = b.node("Add", {b.weight(width), b.node("Mul", {b.weight(width), n})});
          const Graph before = b.done({y}), after = recognize_layer_norms(before);
          ASSERT_THAT(ops(after), ElementsAre("LayerNormalization"));
          EXPECT_EQ(after.nodes[0].inputs.size(), 3u);
          expect_same_results(before, after);
        }
}

TEST(RecognizeLayerNorms, WithoutScaleOrBias) {
  GraphBuilder b;
  const ValueId plain = normalise(b, b.input({3, 6}), {}).y;
  const ValueId y = b.node("Mul", {normalise(b, plain, {}).y, b.weight({6})});
  const Graph before = b.done({y}), after = recognize_layer_norms(before);
  EXPECT_THAT(ops(after), ElementsAre("LayerNormalization", "LayerNormalization"));
  expect_same_results(before, after);
}

/// x * (scale / r) + (bias - mean * (scale / r))
TEST(RecognizeLayerNorms, AsTensorFlowFactorsIt) {
  for (bool scaled : {true, false}) {
    GraphBuilder b;
    const ValueId x = b.input({4, 5, 6});
    const ValueId m = mean(b, x, {}), d = b.node("Sub", {x, m});
    const ValueId variance = mean(b, b.node("Mul", {d, d}), {});
    ValueId f = b.node("Reciprocal", {b.node("Sqrt", {b.node("Add", {variance, b.scalar(1e-3f)})})});
    if (scaled) f = b.node("Mul", {f, b.weight({6})});
    const ValueId rest = b.node("Sub", {b.weight({6}), b.node("Mul", {m, f})});
    const Graph before = b.done({b.node("Add", {b.node("Mul", {x, f}), rest})}),
                after = recognize_layer_norms(before);
    EXPECT_THAT(ops(after), ElementsAre("LayerNormalization"));
    expect_same_results(before, after);
  }
}

TEST(RecognizeLayerNorms, ScaleAndBiasMayBeTrainedButNoNumber) {
  GraphBuilder b;
  const ValueId x = b.input({3, 6}), scale = b.weight({6}), bias = b.weight({6});
  const Graph g = b.done({b.node("Add", {b.node("Mul", {normalise(b, x, {}).y, scale}), bias})});
  EXPECT_THAT(ops(recognize_layer_norms(g, {scale, bias})), ElementsAre("LayerNormalization"));
  for (const auto& [v, tensor] : g.initializers)
    if (v != scale && v != bias) EXPECT_EQ(recognize_layer_norms(g, {v}).nodes.size(), g.nodes.size());
}

TEST(RecognizeLayerNorms, LeavesWhatIsReadElsewhere) {
  for (int which : {0, 1, 2}) {
    GraphBuilder b;
    const Normed n = normalise(b, b.input({3, 6}), {});
    const ValueId inner = which == 0 ? n.mean : which == 1 ? n.d : n.root;
    EXPECT_EQ(recognize_layer_norms(b.done({n.y, inner})).nodes.size(), 7u);
    GraphBuilder c;
    const Normed m = normalise(c, c.input({3, 6}), {});
    const ValueId read = which == 0 ? m.mean : which == 1 ? m.d : m.root;
    EXPECT_EQ(recognize_layer_norms(c.done({m.y, c.node("Neg", {read})})).nodes.size(), 8u);
  }
}

TEST(RecognizeLayerNorms, LeavesOtherAxesAndSizes) {
  GraphBuilder b;
  const ValueId x = b.input({3, 5, 6});
  const ValueId first = normalise(b, x, {.axes = {1}}).y;
  Spelling mixed;
  const ValueId m = mean(b, x, {.axes = {-1}}), d = b.node("Sub", {x, m});
  const ValueId variance = mean(b, b.node("Mul", {d, d}), {.axes = {1, 2}});
  const ValueId other = b.node("Div", {d, b.node("Sqrt", {b.node("Add", {variance, b.scalar(1e-3f)})})});
  const ValueId cube = b.node("Pow", {d, b.scalar(3)});
  const ValueId third =
      b.node("Div", {d, b.node("Sqrt", {b.node("Add", {mean(b, cube, mixed), b.scalar(1e-3f)})})});
  const Graph g = b.done({first, other, third});
  EXPECT_EQ(recognize_layer_norms(g).nodes.size(), g.nodes.size());
}

TEST(RecognizeLayerNorms, AScaleOfAnotherShapeStaysOutside) {
  GraphBuilder b;
  const ValueId y = b.node("Mul", {normalise(b, b.input({3, 5, 6}), {}).y, b.weight({5, 1})});
  const Graph before = b.done({y}), after = recognize_layer_norms(before);
  EXPECT_THAT(ops(after), ElementsAre("LayerNormalization", "Mul"));
  expect_same_results(before, after);
}

TEST(RecognizeRmsNorms, WithAndWithoutScale) {
  for (bool reciprocal : {true, false}) {
    GraphBuilder b;
    const ValueId x = b.input({b.symbol("N"), 6});
    const ValueId n = normalise(b, x, {.reciprocal = reciprocal}, false).y;
    const ValueId y = normalise(b, b.node("Mul", {b.weight({6}), n}), {}, false).y;
    const Graph before = b.done({y}), after = recognize_rms_norms(before);
    EXPECT_THAT(ops(after), ElementsAre("RMSNormalization", "RMSNormalization"));
    expect_same_results(before, after);
    EXPECT_EQ(recognize_layer_norms(before).nodes.size(), before.nodes.size());
  }
}

TEST(RecognizeLayerNorms, AScaleOrBiasMadeByAPartStaysOutside) {
  for (int which = 0; which < 5; ++which) {
    GraphBuilder b;
    const ValueId x = b.input({6});
    const Normed n = normalise(b, x, {});
    const ValueId scaled = b.node("Mul", {n.y, b.weight({6})});
    const ValueId y = which == 0   ? b.node("Mul", {n.y, n.d})
                      : which == 1 ? b.node("Mul", {n.y, n.y})
                      : which == 2 ? b.node("Add", {scaled, n.d})
                      : which == 3 ? b.node("Add", {scaled, n.y})
                                   : b.node("Add", {scaled, scaled});
    const Graph before = b.done({y});
    expect_same_results(before, recognize_layer_norms(before));
  }
}

/// A weight [4] that multiplies rows: before opset 7 a node may say so.
TEST(RecognizeLayerNorms, LeavesAnAxisThatTheScaleOrBiasNames) {
  for (std::string_view axis : {"Mul", "Add"}) {
    GraphBuilder b;
    const auto by = [&](std::string op, ValueId v, ValueId w) {
      const bool old = op == axis;
      const ValueId out = b.node(std::move(op), {v, w}, old ? "broadcast=1 axis=0" : "");
      if (old) b.g.nodes.back().opset = 6;
      return out;
    };
    const ValueId n = normalise(b, b.input({4, 4}), {}).y;
    const Graph before = b.done({by("Add", by("Mul", n, b.weight({4})), b.weight({4}))});
    expect_same_results(before, recognize_layer_norms(before));
  }
}

TEST(RecognizeRmsNorms, AScaleMadeByAPartStaysOutside) {
  GraphBuilder b;
  const ValueId n = normalise(b, b.input({4}), {}, false).y;
  const Graph before = b.done({b.node("Mul", {n, n})}), after = recognize_rms_norms(before);
  EXPECT_THAT(ops(after), ElementsAre("RMSNormalization", "Mul"));
  expect_same_results(before, after);
}

TEST(RecognizeRmsNorms, LeavesAnAxisThatTheScaleNames) {
  GraphBuilder b;
  const ValueId n = normalise(b, b.input({4, 4}), {}, false).y;
  const ValueId y = b.node("Mul", {n, b.weight({4})}, "broadcast=1 axis=0");
  b.g.nodes.back().opset = 6;
  const Graph before = b.done({y}), after = recognize_rms_norms(before);
  EXPECT_THAT(ops(after), ElementsAre("RMSNormalization", "Mul"));
  expect_same_results(before, after);
}

TEST(RecognizeRmsNorms, ThoseOfOneWidthShareTheScaleThatIsNotThere) {
  GraphBuilder b;
  const ValueId y = normalise(b, normalise(b, b.input({3, 6}), {}, false).y, {}, false).y;
  const Graph before = b.done({y}), after = recognize_rms_norms(before);
  ASSERT_THAT(ops(after), ElementsAre("RMSNormalization", "RMSNormalization"));
  EXPECT_EQ(after.nodes[0].inputs[1], after.nodes[1].inputs[1]);
  expect_same_results(before, after);
}

TEST(RecognizeRmsNorms, LeavesAnInnerValueThatIsAnOutput) {
  GraphBuilder b;
  const Normed n = normalise(b, b.input({3, 6}), {}, false);
  EXPECT_EQ(recognize_rms_norms(b.done({n.y, n.root})).nodes.size(), 5u);
}

}  // namespace
}  // namespace dunlin
