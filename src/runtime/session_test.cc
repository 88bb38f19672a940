#include "dunlin/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "graph/evaluate.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// y = relu(x + w), z = y + y, over x: f32[N,3].
std::shared_ptr<Graph> small_graph() {
  auto g = std::make_shared<Graph>();
  g->opsets[""] = kNewestOpset;
  g->symbols = {"N"};
  const ValueId x = g->add_value("x", {.format = &formats::kF32, .shape = Shape{-2, 3}});
  g->inputs = {x};
  const ValueId w = g->add_initializer("w", std::make_shared<Tensor>(Tensor::of<float>({3}, {-1, 0, 1})));
  const ValueId a = g->add_value("a"), y = g->add_value("y"), z = g->add_value("z");
  const auto node = [&](std::string op, std::vector<ValueId> in, ValueId out) {
    g->nodes.push_back(
        {.op = op, .domain = "", .name = op, .attributes = {}, .inputs = in, .outputs = {out}});
  };
  node("Add", {x, w}, a);
  node("Relu", {a}, y);
  node("Add", {y, y}, z);
  g->outputs = {z, y};
  return g;
}

std::vector<float> floats(const Tensor& t) { return {t.values<float>().begin(), t.values<float>().end()}; }

std::map<std::string, Tensor> input(std::string name, Tensor t) {
  std::map<std::string, Tensor> m;
  m.emplace(std::move(name), std::move(t));
  return m;
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    return e.what();
  }
  return "no error";
}

/// Nodes that repeat x as the given shape says, and add up: y = sum of `copies` expanded values. The shape is
/// a constant, or the input "shape".
std::shared_ptr<Graph> greedy_graph(std::vector<int64_t> shape, int copies, bool at_run_time) {
  auto g = std::make_shared<Graph>();
  g->opsets[""] = kNewestOpset;
  const ValueId x = g->add_value("x", {.format = &formats::kF32, .shape = Shape{1}});
  g->inputs = {x};
  ValueId to = kNoValue;
  if (at_run_time) {
    to =
        g->add_value("shape", {.format = &formats::kI64, .shape = Shape{static_cast<int64_t>(shape.size())}});
    g->inputs.push_back(to);
  } else {
    to = g->add_initializer("shape",
                            std::make_shared<Tensor>(Tensor::of<int64_t>({static_cast<int64_t>(shape.size())},
                                                                         std::span<const int64_t>(shape))));
  }
  for (int i = 0; i < copies; ++i) {
    const ValueId y = g->add_value("y" + std::to_string(i));
    g->nodes.push_back({.op = "Expand",
                        .domain = "",
                        .name = "grow" + std::to_string(i),
                        .attributes = {},
                        .inputs = {x, to},
                        .outputs = {y}});
    g->outputs.push_back(y);
  }
  return g;
}

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kResourceExhausted) << e.what();
    return e.what();
  }
  return "no error";
}

TEST(Session, RefusesARunThatNeedsMoreMemoryThanItMay) {
  const auto run = [](std::vector<int64_t> shape, int copies, bool at_run_time, uint64_t limit) {
    return [=] {
      Session s(greedy_graph(shape, copies, at_run_time), {.max_run_bytes = limit});
      auto in = input("x", Tensor::of<float>({1}, {1}));
      if (at_run_time)
        in.emplace("shape", Tensor::of<int64_t>({static_cast<int64_t>(shape.size())},
                                                std::span<const int64_t>(shape)));
      EXPECT_EQ(s.run(in)[0].num_elements(), Shape(shape).num_elements());
    };
  };
  for (bool at_run_time : {false, true}) {
    SCOPED_TRACE(at_run_time);
    // One value beyond any machine; by default the machine's memory is the limit.
    EXPECT_THAT(refusal(run({1 << 20, 1 << 20}, 1, at_run_time, 0)),
                AllOf(HasSubstr("Expand \"grow0\""), HasSubstr("4398046511104 bytes")));
    // Each value fits, all of them do not.
    run({100}, 4, at_run_time, 5000)();
    EXPECT_THAT(refusal(run({100}, 4, at_run_time, 1500)),
                AllOf(HasSubstr("Expand \"grow"), HasSubstr("400 bytes")));
  }
}

TEST(Session, RefusesOptionsThatMeanNothing) {
  const auto made_with = [](const SessionOptions& options) {
    return message([&] { Session(small_graph(), options); });
  };
  for (double seconds : {0.0, -1.0, std::nan("")})
    EXPECT_THAT(made_with({.max_run_seconds = seconds}),
                HasSubstr("max_run_seconds is " + fmt::format("{}", seconds) + ", a number above 0"));
  EXPECT_THAT(made_with({.num_threads = -1}), HasSubstr("num_threads is -1"));
  EXPECT_EQ(made_with({.max_plans = 0, .max_run_seconds = HUGE_VAL}), "no error");
}

/// y = x * w, w f32[side,side]; beside it z, which is folded: `elements` sevens.
std::shared_ptr<Graph> graph_with_constants(int64_t side, int64_t elements) {
  auto g = std::make_shared<Graph>();
  g->opsets[""] = kNewestOpset;
  const ValueId x = g->add_value("x", {.format = &formats::kF32, .shape = Shape{1, side}});
  g->inputs = {x};
  const ValueId w = g->add_initializer("w", std::make_shared<Tensor>(&formats::kF32, Shape{side, side}));
  const ValueId size =
      g->add_initializer("size", std::make_shared<Tensor>(Tensor::of<int64_t>({1}, {elements})));
  const ValueId y = g->add_value("y"), z = g->add_value("z");
  g->nodes.push_back({.op = "MatMul", .name = "product", .inputs = {x, w}, .outputs = {y}});
  g->nodes.push_back({.op = "ConstantOfShape", .name = "fill", .inputs = {size}, .outputs = {z}});
  g->outputs = {y, z};
  return g;
}

TEST(Session, TheModelAndARunKeepToOneLimit) {
  constexpr int64_t kSide = 300;  // w takes 360000 bytes, as many again for the kernel
  const auto run = [](uint64_t limit, int64_t elements) {
    return [=] {
      Session s(graph_with_constants(kSide, elements), {.max_bytes = limit});
      return s.run(input("x", Tensor(&formats::kF32, {1, kSide})));
    };
  };
  EXPECT_EQ(run(1'000'000, 8)().size(), 2u);
  EXPECT_THAT(refusal(run(300'000, 8)), HasSubstr("300000 may be used (SessionOptions::max_bytes"));
  EXPECT_THAT(refusal(run(500'000, 8)), HasSubstr("500000 may be used (SessionOptions::max_bytes"));
  // Folding is no reason to refuse a model; the output is.
  EXPECT_THAT(refusal(run(1'000'000, 200'000)), HasSubstr("800000"));
  EXPECT_EQ(run(3'000'000, 200'000)()[1].num_elements(), 200'000);
  // 800000 bytes of output fit once, but not beside themselves as a constant.
  EXPECT_EQ(run(1'800'000, 200'000)()[1].num_elements(), 200'000);
}

TEST(Session, FoldingKeepsToTheLimitsOfTheModel) {
  const auto steps = [](const FoldingLimits& folding) {
    Session s(graph_with_constants(2, 1000), {.limits = {.folding = folding}});
    return nlohmann::json::parse(s.explain())["steps"].dump();
  };
  EXPECT_THAT(steps({}), testing::Not(HasSubstr("ConstantOfShape")));
  for (const FoldingLimits& limits :
       {FoldingLimits{.max_bytes = 3999}, FoldingLimits{.max_grown_bytes = 3999},
        FoldingLimits{.max_work = 3999}})
    EXPECT_THAT(steps(limits), HasSubstr("ConstantOfShape"));
}

// Found by fuzzing: what kernels are chosen by was read beyond the last input.
TEST(Session, ANodeWithTooFewInputsIsRefused) {
  for (const char* op :
       {"SoftmaxCrossEntropyLoss", "MatMul", "Gather", "Concat", "Conv", "Where", "LayerNormalization"}) {
    Graph g;
    g.opsets[""] = 17;
    g.inputs = {g.add_value("x", {.format = &formats::kF32, .shape = Shape{2, 3}})};
    g.outputs = {g.add_value("y")};
    g.nodes.push_back({.op = op, .name = "n", .inputs = g.inputs, .outputs = g.outputs});
    if (std::string_view(op) == "Concat") g.nodes[0].inputs.clear();
    std::vector<Tensor> in;
    in.emplace_back(&formats::kF32, Shape{2, 3});
    EXPECT_THROW(Session(std::make_shared<const Graph>(std::move(g))).run(in), Error) << op;
  }
}

// A node that no machine computes in the time that is left is not begun.
TEST(Session, RefusesANodeThatNeedsMoreTimeThanTheRunMayTake) {
  const auto refused = [](const char* op, const std::vector<Shape>& inputs, double seconds,
                          const char* words) {
    Graph g;
    g.opsets[""] = 19;
    std::vector<Tensor> in;
    for (const Shape& s : inputs) {
      g.inputs.push_back(
          g.add_value("in" + std::to_string(in.size()), {.format = &formats::kF64, .shape = s}));
      in.emplace_back(&formats::kF64, s);
    }
    g.outputs.push_back(g.add_value("y"));
    g.nodes.push_back({.op = op, .name = "n", .inputs = g.inputs, .outputs = g.outputs});
    Session session(std::make_shared<const Graph>(std::move(g)), {.max_run_seconds = seconds});
    EXPECT_THAT(refusal([&] { session.run(in); }), HasSubstr(words));
  };
  constexpr int64_t kSide = 1000;  // x and w of 8 MB
  refused("ConvTranspose", {{1, 1, kSide, kSide}, {1, 1, kSide, kSide}}, 60,
          "ConvTranspose \"n\": needs 1000000000000 multiply-accumulates, too many");
  refused("DeformConv", {{1, 1000, 102, 102}, {1000, 1000, 1, 1}, {1, 2, 102, 102}}, 1,
          "DeformConv \"n\": needs 10404000000 multiply-accumulates, too many");
}

TEST(Session, CopiesNothingForAnInputOfWhichOnlyTheShapeCounts) {
  auto g = std::make_shared<Graph>();
  g->opsets[""] = kNewestOpset;
  g->opsets[std::string(kDunlinDomain)] = 1;
  const Type image{.format = &formats::kF32, .shape = Shape{1, 4, 6, 6}};
  const ValueId x = g->add_value("x", image),
                flat = g->add_value("flat", {.format = &formats::kF32, .shape = Shape{1, 4 * 5 * 5}});
  g->inputs = {x, flat};
  const ValueId pooled = g->add_value("pooled"), y = g->add_value("y");
  g->nodes.push_back({.op = "MaxPool",
                      .domain = "",
                      .name = "pool",
                      .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}},
                      .inputs = {x},
                      .outputs = {pooled}});
  g->nodes.push_back({.op = "ReshapeLike",
                      .domain = std::string(kDunlinDomain),
                      .name = "like",
                      .attributes = {},
                      .inputs = {flat, pooled},
                      .outputs = {y}});
  g->outputs = {y};
  Session s(g);
  const auto plan = nlohmann::json::parse(s.explain());
  ASSERT_FALSE(plan["steps"].empty());
  for (const auto& step : plan["steps"]) EXPECT_NE(step["node"], "copy of \"pooled\"");
}

// r + Conv(r) and r + r W: the sum must not take the memory of r while the product still reads it.
TEST(Session, WhatAStepAddsToItsOwnInputStaysWhole) {
  for (const bool convolution : {true, false}) {
    auto g = std::make_shared<Graph>();
    g->opsets[""] = kNewestOpset;
    const Shape shape = convolution ? Shape{1, 1, 5, 5} : Shape{6, 6};
    const ValueId x = g->add_value("x", {.format = &formats::kF32, .shape = shape}), r = g->add_value("r"),
                  product = g->add_value("product"), y = g->add_value("y");
    Tensor weight(&formats::kF32, convolution ? Shape{1, 1, 3, 3} : Shape{6, 6}), in(&formats::kF32, shape);
    for (int64_t i = 0; i < weight.num_elements(); ++i)
      weight.data<float>()[i] = static_cast<float>(i % 5) - 2;
    for (int64_t i = 0; i < in.num_elements(); ++i) in.data<float>()[i] = static_cast<float>(i % 7);
    const ValueId w = g->add_initializer("w", std::make_shared<Tensor>(std::move(weight)));
    const auto node = [&](std::string op, std::vector<ValueId> inputs, ValueId out,
                          Attributes attributes = {}) {
      g->nodes.push_back(
          {.op = op, .domain = "", .name = op, .attributes = attributes, .inputs = inputs, .outputs = {out}});
    };
    node("Relu", {x}, r);
    if (convolution)
      node("Conv", {r, w}, product, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    else
      node("MatMul", {r, w}, product);
    node("Add", {r, product}, y);
    g->inputs = {x};
    g->outputs = {y};
    std::vector<Tensor> inputs;
    inputs.push_back(in.clone());
    const std::vector<Tensor> want = evaluate(*g, inputs);
    Session session(g);
    EXPECT_EQ(floats(session.run(inputs)[0]), floats(want[0])) << (convolution ? "Conv" : "MatMul");
  }
}

TEST(Session, RunsWithAnyBatchAndGivesOutputsInOrder) {
  Session s(small_graph());
  auto out = s.run(input("x", Tensor::of<float>({1, 3}, {0, 1, 2})));
  EXPECT_THAT(floats(out[0]), ElementsAre(0, 2, 6));
  EXPECT_THAT(floats(out[1]), ElementsAre(0, 1, 3));
  out = s.run(input("x", Tensor::of<float>({2, 3}, {0, 1, 2, 3, -4, 5})));
  EXPECT_THAT(floats(out[1]), ElementsAre(0, 1, 3, 2, 0, 6));
  EXPECT_EQ(s.outputs()[1].name, "y");
}

TEST(Session, AnOutputThatTheCallerHoldsStaysWhenTheSessionRunsAgain) {
  Session s(small_graph());
  const auto first = s.run(input("x", Tensor::of<float>({1, 3}, {0, 1, 2})));
  const float* memory = nullptr;
  {
    const auto second = s.run(input("x", Tensor::of<float>({1, 3}, {5, 5, 5})));
    memory = second[1].data<float>();
  }
  EXPECT_THAT(floats(first[1]), ElementsAre(0, 1, 3));
  EXPECT_EQ(s.run(input("x", Tensor::of<float>({1, 3}, {5, 5, 5})))[1].data<float>(), memory);
}

TEST(Session, VariablesChangeBetweenRunsAndByUpdates) {
  SessionOptions options;
  options.variables = {"w"};
  auto g = small_graph();
  g->values[static_cast<size_t>(g->find("x"))].type.shape = Shape{3};
  options.updates = {{"y", "w"}};
  Session s(g, options);
  ASSERT_EQ(s.outputs().size(), 1u);
  EXPECT_THAT(floats(s.run(input("x", Tensor::of<float>({3}, {1, 1, 1})))[0]), ElementsAre(0, 2, 4));
  EXPECT_THAT(floats(s.variable("w")), ElementsAre(0, 1, 2));
  s.variable("w").data<float>()[0] = 7;
  EXPECT_THAT(floats(s.run(input("x", Tensor::of<float>({3}, {1, 1, 1})))[0]), ElementsAre(16, 4, 6));
  EXPECT_THROW(s.variable("v"), Error);
}

TEST(Session, AnotherHasItsOwnVariables) {
  SessionOptions options;
  options.variables = {"w"};
  Session a(small_graph(), options);
  Session b = a.another();
  b.variable("w").data<float>()[0] = 10;
  EXPECT_THAT(floats(a.run(input("x", Tensor::of<float>({1, 3}, {0, 0, 0})))[1]), ElementsAre(0, 0, 1));
  EXPECT_THAT(floats(b.run(input("x", Tensor::of<float>({1, 3}, {0, 0, 0})))[1]), ElementsAre(10, 0, 1));
}

TEST(Session, SaysWhatIsWrongWithAnInput) {
  Session s(small_graph());
  const auto run = [&](std::string name, Tensor t) {
    return message([&] { s.run(input(name, std::move(t))); });
  };
  EXPECT_THAT(run("y", Tensor::of<float>({1, 3}, {0, 1, 2})), HasSubstr("the inputs are \"x\""));
  EXPECT_THAT(run("x", Tensor::of<float>({1, 2}, {0, 1})), HasSubstr("shape [N,3] is expected, got [1,2]"));
  EXPECT_THAT(run("x", Tensor::of<float>({3}, {0, 1, 2})), HasSubstr("shape [N,3] is expected, got [3]"));
  EXPECT_THAT(run("x", Tensor::of<int64_t>({1, 3}, {0, 1, 2})), HasSubstr("type f32 are expected, got i64"));
  EXPECT_THAT(message([&] {
                std::map<std::string, Tensor> in = input("x", Tensor::of<float>({1, 3}, {0, 1, 2}));
                in.emplace("q", Tensor::of<float>({1}, {0}));
                s.run(in);
              }),
              HasSubstr("no input \"q\""));
  EXPECT_THAT(message([&] { Session(small_graph(), {.variables = {"nope"}}); }), HasSubstr("nope"));
}

TEST(Session, ExplainNamesEveryStep) {
  Session s(small_graph(), {.profile = true});
  s.run(input("x", Tensor(&formats::kF32, {4, 3})));
  const auto j = nlohmann::json::parse(s.explain({{"x", Shape{4, 3}}}));
  ASSERT_EQ(j["steps"].size(), 3u);
  EXPECT_EQ(j["steps"][1]["node"], "Relu \"Relu\"");
  EXPECT_TRUE(j["steps"][0].contains("ms"));
  EXPECT_THAT(message([&] { s.explain(); }), HasSubstr("[N,3]: give its shape"));
}

}  // namespace
}  // namespace dunlin
