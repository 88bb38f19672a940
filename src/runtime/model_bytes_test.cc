// What counts against SessionOptions::max_bytes beside the model as it was read.
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "dunlin/session.h"
#include "graph/onnx/import.h"
#include "graph/onnx/testing.h"
#include "graph/testing/graph_builder.h"
#include "runtime/runner.h"

namespace dunlin {
namespace {

constexpr int64_t kElements = 25'000, kSide = 100;
constexpr uint64_t kBytes = 4 * kElements;

/// z = w times the number of elements of x: constant once a shape is given, and then nothing reads w.
Graph scaled_by_size() {
  GraphBuilder b;
  const ValueId n = b.node("Cast", {b.node("Shape", {b.input({b.symbol("N")})})}, "to=1");
  return b.done({b.node("Mul", {b.weight({kElements}), n})});
}

TEST(ModelBytes, WhatAPlanFoldsCountsThoughItDropsAsMuch) {
  PlanCache cache(scaled_by_size(), {.max_total_bytes = 100 * kBytes});
  const auto left = [&] { return cache.options().packed->bytes_left(); };
  const uint64_t before = left();
  for (int64_t n = 1; n <= 3; ++n) {
    const Type x{.format = &formats::kF32, .shape = Shape{n}};
    const auto plan = cache.plan_for(std::to_string(n), std::span(&x, 1));
    ASSERT_TRUE(plan->graph->nodes.empty());
    EXPECT_EQ(before - left(), static_cast<uint64_t>(n) * kBytes);
  }
}

TEST(ModelBytes, AllPlansTogetherKeepToTheLimit) {
  constexpr uint64_t kLimit = 7 * kBytes;
  Session session(std::make_shared<const Graph>(scaled_by_size()), {.max_bytes = kLimit});
  uint64_t folded = 0;
  for (int64_t n = 1; n <= 8; ++n) {
    const std::array in{Tensor(&formats::kF32, {n})};
    EXPECT_EQ(session.run(in)[0].num_elements(), kElements);
    const auto plan = nlohmann::json::parse(session.explain({{session.inputs()[0].name, Shape{n}}}));
    folded += plan["steps"].dump().find("Mul") == std::string::npos;
  }
  EXPECT_GT(folded, 0u);
  EXPECT_LE((1 + folded + 1) * kBytes, kLimit);  // w, what was folded, a run's output
}

/// y = x Transpose(w) in both branches of every If; the conditions come with a run.
Graph transposed_in_branches(int ifs) {
  onnx::ModelProto m = onnx::empty_proto();
  onnx::GraphProto& g = *m.mutable_graph();
  onnx::add_value(*g.mutable_input(), "which", {}, 9);
  onnx::add_value(*g.mutable_input(), "x", {1, kSide});
  onnx::TensorProto& w = *g.add_initializer();
  w.set_name("w");
  w.set_data_type(1);
  w.add_dims(kSide);
  w.add_dims(kSide);
  w.set_raw_data(std::string(4 * kSide * kSide, '\0'));
  for (int i = 0; i < ifs; ++i) {
    const std::string y = "y" + std::to_string(i);
    onnx::NodeProto& choice = onnx::add_node(*g.mutable_node(), "If", {"which"}, {y.c_str()});
    for (const char* branch : {"then_branch", "else_branch"}) {
      onnx::GraphProto& body = onnx::add_graph(choice, branch);
      const std::string turned = branch + y + "t", product = branch + y + "p";
      onnx::add_node(*body.mutable_node(), "Transpose", {"w"}, {turned.c_str()});
      onnx::add_node(*body.mutable_node(), "MatMul", {"x", turned.c_str()}, {product.c_str()});
      body.add_output()->set_name(product);
    }
    g.add_output()->set_name(y);
  }
  return parse_onnx(as_bytes(m.SerializeAsString())).graph;
}

TEST(ModelBytes, WhatBodiesFoldCountsForEachOfThem) {
  PlanCache cache(transposed_in_branches(10), {.max_total_bytes = 10'000'000});
  const uint64_t before = cache.options().packed->bytes_left();
  const std::array types{Type{.format = &formats::kBool, .shape = Shape{}},
                         Type{.format = &formats::kF32, .shape = Shape{1, kSide}}};
  const auto plan = cache.plan_for("", types);
  for (const Step& step : plan->steps)
    for (const StepBody& body : step.bodies) ASSERT_EQ(ops(body.plans->graph()).front(), "MatMul");
  EXPECT_EQ(before - cache.options().packed->bytes_left(), 10u * 2 * 4 * kSide * kSide);
}

/// A graph that is made ready takes the place of the one that was read.
TEST(ModelBytes, OfTheModelOnlyWhatIsKeptCounts) {
  GraphBuilder b;
  const ValueId x = b.input({1, kSide}), w = b.weight({kSide, kSide});
  b.g.outputs = {b.node("MatMul", {x, b.node("Transpose", {w})})};
  const PlanCache cache(b.g, {.max_total_bytes = 10'000'000});
  const uint64_t taken = 10'000'000 - cache.options().packed->bytes_left();
  EXPECT_GE(taken, 4u * kSide * kSide);
  EXPECT_LT(taken, 6u * kSide * kSide);
}

TEST(ModelBytes, WhatIsPackedCountsAsLongAsItLives) {
  PackedCache cache(100);
  const auto make = [] { return Tensor(&formats::kF32, {10}); };
  const auto w = std::make_shared<const Tensor>(&formats::kF32, Shape{1});
  for (int i = 0; i < 5; ++i) {  // one plan goes, the next asks again
    const auto panels = cache.get(w, "panels", make);
    EXPECT_EQ(cache.get(w, "panels", make), panels);
    EXPECT_EQ(cache.bytes_left(), 60u);
    const auto columns = cache.get(w, "columns", make);
    EXPECT_EQ(cache.bytes_left(), 20u);
    EXPECT_THROW(cache.get(w, "rows", make), Error);
    EXPECT_EQ(cache.bytes_left(), 20u);
  }
  EXPECT_EQ(cache.bytes_left(), 100u);
}

TEST(ModelBytes, VariablesOfEverySessionCount) {
  GraphBuilder b;
  const ValueId w = b.weight({kElements});
  const std::string name = b.g.value_name(w);
  const auto g =
      std::make_shared<const Graph>(b.done({b.node("ReduceSum", {b.node("Mul", {b.input({1}), w})})}));
  const auto session = [&](uint64_t limit) { return Session(g, {.variables = {name}, .max_bytes = limit}); };
  EXPECT_THROW(session(2 * kBytes), Error);
  const Session first = session(3 * kBytes + kBytes / 2);
  {
    const Session second = first.another();
    EXPECT_THROW(first.another(), Error);
  }
  first.another();
}

}  // namespace
}  // namespace dunlin
