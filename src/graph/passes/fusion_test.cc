// The passes that make inference fast: what they leave, and that the results stay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/passes/fold_batch_norm.h"
#include "graph/passes/fuse_epilogues.h"
#include "graph/passes/merge_equal.h"
#include "graph/passes/recognize_activations.h"
#include "graph/sample.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

/// Builds a graph node by node over random constants.
struct Builder {
  Graph g;
  Philox rng{7};

  Builder() { g.opsets[""] = kNewestOpset; }
  Tensor random(Shape shape, double lo = -1, double hi = 1) {
    Tensor t(&formats::kF32, std::move(shape));
    for (int64_t i = 0; i < t.num_elements(); ++i)
      t.data<float>()[i] = static_cast<float>(lo + (hi - lo) * rng.uniform_double());
    return t;
  }
  ValueId input(Shape shape) {
    g.inputs.push_back(g.add_value(g.unused_name("x"), {.format = &formats::kF32, .shape = shape}));
    return g.inputs.back();
  }
  ValueId constant(Tensor t) {
    return g.add_initializer(g.unused_name("c"), std::make_shared<Tensor>(std::move(t)));
  }
  ValueId weight(Shape shape, double lo = -1, double hi = 1) {
    return constant(random(std::move(shape), lo, hi));
  }
  ValueId scalar(float v) { return constant(Tensor::of<float>({}, {v})); }
  ValueId node(std::string op, std::vector<ValueId> in, std::string_view attributes = "") {
    const ValueId out = g.add_value(g.unused_name("v"));
    g.nodes.push_back({.op = op,
                       .domain = "",
                       .name = "",
                       .attributes = parse_attributes(attributes),
                       .inputs = std::move(in),
                       .outputs = {out}});
    return out;
  }
  Graph done(std::vector<ValueId> outputs) {
    g.outputs = std::move(outputs);
    return infer_and_fold(g);
  }
};

std::vector<std::string> ops(const Graph& g) {
  std::vector<std::string> names;
  for (const Node& n : g.nodes) names.push_back(n.op);
  return names;
}

void expect_same_results(const Graph& before, const Graph& after) {
  Builder b;
  std::vector<Tensor> in;
  for (ValueId v : before.inputs) in.push_back(b.random(*before.type(v).shape, -4, 4));
  const auto want = evaluate(before, in), got = evaluate(after, in);
  for (size_t k = 0; k < want.size(); ++k) {
    ASSERT_EQ(to_string(got[k].shape()), to_string(want[k].shape()));
    for (int64_t i = 0; i < want[k].num_elements(); ++i)
      ASSERT_NEAR(got[k].data<float>()[i], want[k].data<float>()[i], 2e-5) << i;
  }
}

TEST(FoldBatchNorm, BecomesWeightsAndBias) {
  Builder b;
  const ValueId x = b.input({2, 4, 5, 5});
  const ValueId c = b.node("Conv", {x, b.weight({6, 2, 3, 3}), b.weight({6})}, "group=2");
  const ValueId y =
      b.node("BatchNormalization", {c, b.weight({6}), b.weight({6}), b.weight({6}), b.weight({6}, 0.5, 2)},
             "epsilon=0.001");
  const Graph before = b.done({y}), after = fold_batch_norm(before);
  EXPECT_THAT(ops(after), ElementsAre("Conv"));
  expect_same_results(before, after);
}

TEST(FoldBatchNorm, LeavesWhatIsTrainedOrReadTwice) {
  Builder b;
  const ValueId x = b.input({2, 4, 5, 5}), w = b.weight({6, 4, 3, 3});
  const ValueId c = b.node("Conv", {x, w});
  const ValueId y =
      b.node("BatchNormalization", {c, b.weight({6}), b.weight({6}), b.weight({6}), b.weight({6}, 0.5, 2)});
  EXPECT_EQ(fold_batch_norm(b.done({y}), {w}).nodes.size(), 2u);
  EXPECT_EQ(fold_batch_norm(b.done({y, c})).nodes.size(), 2u);
}

TEST(FuseEpilogues, ResidualBlock) {
  Builder b;
  const ValueId x = b.input({1, 4, 6, 6});
  const ValueId a =
      b.node("Relu", {b.node("Conv", {x, b.weight({4, 4, 3, 3}), b.weight({4})}, "pads=[1,1,1,1]")});
  const ValueId down = b.node("Conv", {x, b.weight({4, 4, 1, 1})});
  const ValueId main = b.node("Conv", {a, b.weight({4, 4, 3, 3})}, "pads=[1,1,1,1]");
  const ValueId y = b.node("Relu", {b.node("Add", {main, down})});
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedConv", "Conv", "FusedConv"));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, LinearLayersWithBiasAndGelu) {
  Builder b;
  const ValueId x = b.input({2, 3, 8});
  const ValueId h =
      b.node("Gelu", {b.node("Add", {b.weight({16}), b.node("MatMul", {x, b.weight({8, 16})})})});
  const ValueId y =
      b.node("Add", {x, b.node("Add", {b.node("MatMul", {h, b.weight({16, 8})}), b.weight({8})})});
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedMatMul", "FusedMatMul"));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, GemmWithTanhAndConvWithBiasOfRank4) {
  Builder b;
  const ValueId x = b.input({2, 3, 1, 1});
  const ValueId c = b.node("Add", {b.node("Conv", {x, b.weight({5, 3, 1, 1})}), b.weight({1, 5, 1, 1})});
  const ValueId f = b.node("Flatten", {c});
  const ValueId y = b.node("Tanh", {b.node("Gemm", {f, b.weight({7, 5}), b.weight({7})}, "transB=1")});
  const Graph before = b.done({y}), after = fuse_epilogues(before);
  EXPECT_THAT(ops(after), ElementsAre("FusedConv", "Flatten", "FusedMatMul"));
  expect_same_results(before, after);
}

TEST(FuseEpilogues, LeavesAValueThatIsReadElsewhere) {
  Builder b;
  const ValueId c = b.node("Conv", {b.input({1, 4, 6, 6}), b.weight({4, 4, 1, 1})});
  const ValueId y = b.node("Relu", {c});
  EXPECT_THAT(ops(fuse_epilogues(b.done({y, c}))), ElementsAre("Conv", "Relu"));
}

TEST(RecognizeActivations, AsPyTorchWritesThem) {
  Builder b;
  const ValueId x = b.input({3, 40});
  const ValueId silu = b.node("Mul", {x, b.node("Sigmoid", {x})});
  const ValueId swish =
      b.node("Mul", {silu, b.node("HardSigmoid", {silu}, "alpha=0.16666667163372 beta=0.5")});
  const ValueId erf = b.node("Erf", {b.node("Div", {swish, b.scalar(std::sqrt(2.f))})});
  const ValueId gelu =
      b.node("Mul", {b.node("Mul", {swish, b.node("Add", {erf, b.scalar(1)})}), b.scalar(0.5f)});
  const Graph before = b.done({gelu}), after = recognize_activations(before);
  EXPECT_THAT(ops(after), ElementsAre("Activation", "Activation", "Activation"));
  expect_same_results(before, after);
}

TEST(RecognizeActivations, LeavesASigmoidThatIsReadElsewhere) {
  Builder b;
  const ValueId x = b.input({3, 4}), s = b.node("Sigmoid", {x}), y = b.node("Mul", {x, s});
  EXPECT_THAT(ops(recognize_activations(b.done({y, s}))), ElementsAre("Sigmoid", "Mul"));
}

TEST(MergeEqualNodes, KeepsOne) {
  Builder b;
  const ValueId x = b.input({3, 4});
  const ValueId a = b.node("LeakyRelu", {x}, "alpha=0.5"), c = b.node("LeakyRelu", {x}, "alpha=0.5"),
                d = b.node("LeakyRelu", {x}, "alpha=0.25");
  const Graph before = b.done({b.node("Add", {b.node("Mul", {a, c}), d})}), after = merge_equal_nodes(before);
  EXPECT_THAT(ops(after), ElementsAre("LeakyRelu", "LeakyRelu", "Mul", "Add"));
  expect_same_results(before, after);
}

}  // namespace
}  // namespace dunlin
