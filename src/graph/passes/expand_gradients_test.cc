// ONNX's Gradient, against derivatives on paper.
#include "graph/passes/expand_gradients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/evaluate.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Names = std::vector<std::string>;

/// Scalars of opset 12.
struct Formula {
  Graph g;

  explicit Formula(const Names& inputs) {
    g.opsets[""] = 12;
    g.opsets["ai.onnx.preview.training"] = 1;
    for (const std::string& name : inputs)
      g.inputs.push_back(g.add_value(name, {.format = format_of<float>(), .shape = Shape{1}}));
  }
  Formula& node(std::string op, const Names& in, const Names& out, Attributes attributes = {},
                std::string domain = "") {
    Node n{.op = std::move(op),
           .domain = std::move(domain),
           .name = out[0] + "_node",
           .attributes = std::move(attributes),
           .inputs = {},
           .outputs = {}};
    for (const std::string& name : in) n.inputs.push_back(g.find(name));
    for (const std::string& name : out) n.outputs.push_back(g.add_value(name));
    g.nodes.push_back(std::move(n));
    return *this;
  }
  Formula& gradient(const std::string& y, const Names& xs, const Names& zs, const Names& in,
                    const Names& out) {
    Attributes a{{"xs", xs}, {"y", y}};
    if (!zs.empty()) a["zs"] = zs;
    return node("Gradient", in, out, std::move(a), "ai.onnx.preview.training");
  }
  std::vector<float> run(const std::string& output, const std::vector<float>& inputs) {
    g.outputs = {g.find(output)};
    std::vector<Tensor> in;
    for (float x : inputs) in.push_back(Tensor::of<float>({1}, {x}));
    const auto out = evaluate(expand_gradients(g, 1000), in);
    const auto v = out[0].values<float>();
    return {v.begin(), v.end()};
  }
};

TEST(ExpandGradients, OfAProduct) {
  Formula f({"a", "b"});
  f.node("Mul", {"a", "b"}, {"c"}).node("Mul", {"c", "a"}, {"y"});  // y = a^2 b
  f.gradient("y", {"a", "b"}, {}, {"a", "b"}, {"da", "db"});
  EXPECT_THAT(f.run("da", {3, 5}), ElementsAre(30));
  EXPECT_THAT(f.run("db", {3, 5}), ElementsAre(9));
}

TEST(ExpandGradients, AtOtherValuesThanTheGraphs) {
  Formula f({"a", "b", "p", "q"});
  f.node("Mul", {"a", "a"}, {"c"}).node("Mul", {"c", "b"}, {"y"});
  f.gradient("y", {"a"}, {"b"}, {"p", "q"}, {"d"});  // 2 p q, whatever a and b are
  EXPECT_THAT(f.run("d", {100, 200, 3, 5}), ElementsAre(30));
}

TEST(ExpandGradients, XsAreIndependentThoughOneIsMadeOfTheOther) {
  Formula f({"a"});
  f.node("Mul", {"a", "a"}, {"c"}).node("Mul", {"c", "a"}, {"y"});  // y = c a
  f.gradient("y", {"a", "c"}, {}, {"a", "c"}, {"da", "dc"});
  EXPECT_THAT(f.run("da", {3}), ElementsAre(9));  // c, not 3 a^2
  EXPECT_THAT(f.run("dc", {3}), ElementsAre(3));
}

TEST(ExpandGradients, OfAGradient) {
  Formula f({"a"});
  f.node("Mul", {"a", "a"}, {"c"}).node("Mul", {"c", "a"}, {"y"});
  f.gradient("y", {"a"}, {}, {"a"}, {"first"}).gradient("first", {"a"}, {}, {"a"}, {"second"});
  EXPECT_THAT(f.run("second", {3}), ElementsAre(18));  // 6 a
}

TEST(ExpandGradients, ZeroWhereNothingDepends) {
  Formula f({"a", "b"});
  f.node("Mul", {"a", "a"}, {"y"}).gradient("y", {"b"}, {"a"}, {"b", "a"}, {"d"});
  EXPECT_THAT(f.run("d", {3, 5}), ElementsAre(0));
}

// The nodes between h and y are run once more, on a copy of h: what is dropped there is what y shows as dropped.
TEST(ExpandGradients, DrawsWhatTheValueDraws) {
  constexpr int64_t kSize = 64;
  Graph g;
  g.opsets[""] = 12;
  g.opsets["ai.onnx.preview.training"] = 1;
  const ValueId x = g.add_value("x", {.format = format_of<float>(), .shape = Shape{kSize}});
  const ValueId ratio = g.add_initializer("ratio", std::make_shared<Tensor>(Tensor::of<float>({}, {0.5f})));
  const ValueId trains = g.add_initializer("trains", std::make_shared<Tensor>(Tensor::of<bool>({}, {true})));
  g.inputs = {x};
  std::vector<ValueId> v{x};
  for (const char* name : {"h", "y", "mask", "d"}) v.push_back(g.add_value(name));
  g.nodes.push_back({.op = "Neg", .name = "neg", .inputs = {x}, .outputs = {v[1]}});
  g.nodes.push_back(
      {.op = "Dropout", .name = "drop", .inputs = {v[1], ratio, trains}, .outputs = {v[2], v[3]}});
  g.nodes.push_back({.op = "Gradient",
                     .domain = "ai.onnx.preview.training",
                     .name = "gradient",
                     .attributes = {{"xs", Names{"h"}}, {"y", std::string("y")}},
                     .inputs = {v[1]},
                     .outputs = {v[4]}});
  g.outputs = {v[2], v[3], v[4]};
  const Graph expanded = expand_gradients(g, 1000);
  for (uint64_t seed : {1, 2}) {
    const std::vector<float> threes(kSize, 3);
    std::vector<Tensor> in;
    in.push_back(Tensor::of<float>({kSize}, std::span<const float>(threes)));
    const auto out = evaluate(expanded, in, {.seed = seed, .training = true});
    int kept = 0;
    for (size_t i = 0; i < kSize; ++i) {
      const bool keep = out[1].values<bool>()[i];
      kept += keep;
      EXPECT_EQ(out[0].values<float>()[i], keep ? -6.f : 0.f);
      EXPECT_EQ(out[2].values<float>()[i], keep ? 2.f : 0.f) << i;
    }
    EXPECT_TRUE(kept > 0 && kept < kSize);
  }
}

TEST(ExpandGradients, SaysWhatDoesNotFit) {
  const auto error = [](Formula f, uint64_t max_nodes = 30) {
    try {
      expand_gradients(f.g, max_nodes);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto square = [] { return std::move(Formula({"a"}).node("Mul", {"a", "a"}, {"y"})); };
  EXPECT_THAT(error(square().gradient("z", {"a"}, {}, {"a"}, {"d"})),
              HasSubstr("y is \"z\", which is no value"));
  EXPECT_THAT(error(square().gradient("y", {"b"}, {}, {"a"}, {"d"})), HasSubstr("xs names \"b\""));
  EXPECT_THAT(error(square().gradient("y", {"a"}, {"a"}, {"a"}, {"d"})),
              HasSubstr("has 1 inputs and 1 outputs"));
  Formula many = std::move(Formula({"a"}).node("Exp", {"a"}, {"y"}));
  for (int i = 0; i < 12; ++i)
    many.gradient(i == 0 ? "y" : "d" + std::to_string(i - 1), {"a"}, {}, {"a"}, {"d" + std::to_string(i)});
  EXPECT_THAT(error(std::move(many)), HasSubstr("grows beyond 30 nodes"));
  Formula long_one = square();
  for (int i = 0; i < 200; ++i) long_one.node("Exp", {"a"}, {"e" + std::to_string(i)});
  for (int i = 0; i < 10; ++i) long_one.gradient("y", {"a"}, {}, {"a"}, {"d" + std::to_string(i)});
  EXPECT_THAT(error(std::move(long_one), 300), HasSubstr("look at more than 1200 nodes"));
}

}  // namespace
}  // namespace dunlin
