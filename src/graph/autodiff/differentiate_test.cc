#include "graph/autodiff/differentiate.h"

#include <gtest/gtest.h>

#include "graph/evaluate.h"
#include "graph/infer.h"

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

}  // namespace
}  // namespace dunlin
