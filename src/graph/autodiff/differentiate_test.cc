#include "graph/autodiff/differentiate.h"

#include <gtest/gtest.h>

#include "graph/autodiff/gradient_path.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"

namespace dunlin {
namespace {

Node node(std::string op, std::vector<ValueId> inputs, ValueId output, std::string domain = "") {
  return {.op = op,
          .domain = domain,
          .name = op,
          .attributes = {},
          .inputs = std::move(inputs),
          .outputs = {output},
          .opset = domain.empty() ? kNewestOpset : 1};
}

// loss = sum(relu(w + x) + w): w is read twice, x and the sum are broadcast.
TEST(Differentiate, SumsOverFanOutAndBroadcast) {
  Graph g;
  const Type matrix{.format = &formats::kF32, .shape = Shape{2, 3}},
      row{.format = &formats::kF32, .shape = Shape{3}};
  const ValueId x = g.add_value("x", matrix);
  g.inputs = {x};
  const ValueId w = g.add_initializer("w", std::make_shared<Tensor>(Tensor::of<float>({3}, {-2, 0.5, 1})));
  const ValueId like = g.add_initializer("like", std::make_shared<Tensor>(Tensor::of<float>({}, {0})));
  const ValueId a = g.add_value("a", matrix), b = g.add_value("b", matrix), c = g.add_value("c", matrix),
                loss = g.add_value("loss");
  g.nodes = {node("Add", {x, w}, a), node("Relu", {a}, b), node("Add", {b, w}, c),
             node("SumTo", {c, like}, loss, "dunlin")};
  g.outputs = {loss};
  g = infer_and_fold(std::move(g), {.input_shapes = {}, .variable = {w}});
  EXPECT_THROW(differentiate(g, loss, std::span(&w, 1)), Error);  // SumTo has no gradient
  // Seeding c with ones is the gradient of its sum.
  auto ones = std::make_shared<Tensor>(Tensor::of<float>({2, 3}, {1, 1, 1, 1, 1, 1}));
  const Seed seed{c, g.add_initializer("ones", ones)};
  Differentiated d = backpropagate(g, std::span(&seed, 1), std::span(&w, 1));
  d.graph.outputs = {d.gradients[0]};
  std::vector<Tensor> in;
  in.push_back(Tensor::of<float>({2, 3}, {1, 0, 1, 3, -1, 0}));
  const auto out = evaluate(remove_dead(d.graph), in);
  // relu'(x + w): rows {0,1,1} and {1,0,1}, plus 2 for the second use of w.
  EXPECT_EQ(std::vector<float>(out[0].values<float>().begin(), out[0].values<float>().end()),
            (std::vector<float>{3, 3, 4}));
}

TEST(Differentiate, NamesTheOpWithoutGradientAndThePath) {
  Graph g;
  const Type row{.format = &formats::kF32, .shape = Shape{3}};
  const ValueId w =
      g.add_initializer("fc.weight", std::make_shared<Tensor>(Tensor::of<float>({3}, {1, 2, 3})));
  const ValueId a = g.add_value("a", row),
                loss = g.add_value("loss", {.format = &formats::kF32, .shape = Shape{}});
  const ValueId like = g.add_initializer("like", std::make_shared<Tensor>(Tensor::of<float>({}, {0})));
  g.nodes = {node("Relu", {w}, a), node("SumTo", {a, like}, loss, "dunlin")};
  g.outputs = {loss};
  try {
    differentiate(g, loss, std::span(&w, 1));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(e.what()).find("weight \"fc.weight\" -> Relu \"Relu\" -> dunlin.SumTo"),
              std::string::npos)
        << e.what();
  }
}

/// w -> Relu, as many as `relus` -> Pad by `value` -> y.
Graph long_chain(int relus, std::string value_name, std::vector<ValueId>& wrt) {
  Graph g;
  const Type row{.format = &formats::kF32, .shape = Shape{3}};
  wrt = {g.add_initializer("w", std::make_shared<Tensor>(Tensor::of<float>({3}, {1, 2, 3})))};
  ValueId v = wrt[0];
  for (int i = 0; i < relus; ++i) {
    const ValueId next = g.add_value(fmt::format("v{}", i), row);
    g.nodes.push_back(node("Relu", {v}, next));
    g.nodes.back().name = fmt::format("relu{}", i);
    v = next;
  }
  const ValueId pads = g.add_initializer("pads", std::make_shared<Tensor>(Tensor::of<int64_t>({2}, {0, 1})));
  const ValueId value =
      g.add_initializer(std::move(value_name), std::make_shared<Tensor>(Tensor::of<float>({}, {2})));
  const ValueId y = g.add_value("y", {.format = &formats::kF32, .shape = Shape{4}});
  g.nodes.push_back(node("Pad", {v, pads, value}, y));
  g.outputs = {y};
  wrt.push_back(value);
  return g;
}

TEST(Differentiate, NamesTheInputWithoutGradientAndLeavesOutTheMiddleOfALongPath) {
  std::vector<ValueId> wrt;
  Graph g = long_chain(20, "filler", wrt);
  auto ones = std::make_shared<Tensor>(Tensor::of<float>({4}, {1, 1, 1, 1}));
  const Seed seed{g.outputs[0], g.add_initializer("ones", ones)};
  EXPECT_NO_THROW(backpropagate(g, std::span(&seed, 1), std::span(wrt).first(1)));
  try {
    backpropagate(g, std::span(&seed, 1), wrt);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(
        e.what(),
        "cannot train through Pad \"Pad\": input 2 of Pad has no gradient (path: weight \"filler\" -> "
        "Pad \"Pad\")");
  }
  EXPECT_EQ(path_from_weight(g, g.nodes.back(), std::span(wrt).first(1)),
            "weight \"w\" -> Relu \"relu0\" -> Relu \"relu1\" -> Relu \"relu2\" -> (13 nodes) -> Relu "
            "\"relu16\" -> "
            "Relu \"relu17\" -> Relu \"relu18\" -> Relu \"relu19\" -> Pad \"Pad\"");
}

TEST(Differentiate, SaysWhyNoGradientComesToAWeight) {
  Graph g;
  const Type row{.format = &formats::kF32, .shape = Shape{3}};
  std::vector<ValueId> w;
  for (const char* name : {"rounded", "read", "unread", "shape"})
    w.push_back(g.add_initializer(name, std::make_shared<Tensor>(Tensor::of<float>({3}, {1, 2, 3}))));
  const ValueId a = g.add_value("a", row), b = g.add_value("b", row), c = g.add_value("c", row),
                loss = g.add_value("loss", {.format = &formats::kF32, .shape = Shape{}}),
                size = g.add_value("size", {.format = &formats::kI64, .shape = Shape{}}),
                count = g.add_value("count", {.format = &formats::kF32, .shape = Shape{}}),
                sum = g.add_value("sum", {.format = &formats::kF32, .shape = Shape{}});
  g.nodes = {node("Neg", {w[0]}, a),         node("Round", {a}, b),      node("Add", {b, w[1]}, c),
             node("ReduceSum", {c}, sum),    node("Size", {w[3]}, size), node("CastLike", {size, sum}, count),
             node("Div", {sum, count}, loss)};
  g.nodes[3].attributes["keepdims"] = int64_t{0};
  g.outputs = {loss};
  EXPECT_EQ(
      why_not_reached(g, loss, w[0]),
      "no gradient passes Round \"Round\" (path: weight \"rounded\" -> Neg \"Neg\" -> Round \"Round\")");
  EXPECT_EQ(why_not_reached(g, loss, w[2]), "the loss does not depend on it");
  EXPECT_EQ(why_not_reached(g, loss, w[3]), "the loss depends on its shape only");
  const Differentiated d = differentiate(g, loss, w);
  EXPECT_EQ(d.gradients[0], kNoValue);
  EXPECT_NE(d.gradients[1], kNoValue);
}

/// Sizes that gradients of ConvTranspose need: none of X where the pads are given.
TEST(Differentiate, SizesStayOpenBehindAConvTranspose) {
  const OpDef& op = *find_op("", "ConvTranspose", kNewestOpset);
  const auto differentiate_with = [&](std::string_view attributes, Shape x) {
    Graph g = make_sample(op, {.attributes = attributes, .inputs = "f32[2,3,4,5] f32[3,2,3,3]"}, 1).graph;
    g.symbols = {"N", "H"};
    g.values[static_cast<size_t>(g.inputs[0])].type.shape = std::move(x);
    const std::vector<ValueId> wrt = g.inputs;
    g = infer_and_fold(std::move(g));
    const ValueId dy = g.add_value("dy", g.type(g.outputs[0]));
    g.inputs.push_back(dy);
    const Seed seed{g.outputs[0], dy};
    const Differentiated d = backpropagate(std::move(g), std::span(&seed, 1), wrt);
    EXPECT_EQ(to_string(*d.graph.type(d.gradients[1]).shape), "[3,2,3,3]");
  };
  differentiate_with("strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]", {-2, 3, -3, -1});
  differentiate_with("strides=[2,2] auto_pad='SAME_UPPER'", {-2, 3, 4, 5});
  EXPECT_THROW(differentiate_with("strides=[2,2] auto_pad='SAME_UPPER'", {-2, 3, -3, 5}), Error);
}

}  // namespace
}  // namespace dunlin
