// Shape arithmetic as exporters write it: followed while sizes are open, gone from the plan once they are known; and
// plans by shape, of which only so many are kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dunlin/session.h"
#include "graph/testing/graph_builder.h"
#include "runtime/runner.h"

namespace dunlin {
namespace {

struct Shapes : GraphBuilder {
  ValueId number(int64_t v) { return constant(Tensor::of<int64_t>({}, {v})); }
  /// Size d of x, as a number or as a vector of one.
  ValueId size(ValueId x, int64_t d) { return node("Gather", {node("Shape", {x}), number(d)}); }
  ValueId size_vector(ValueId x, int64_t d) { return node("Unsqueeze", {size(x, d), ints({0})}); }
};

/// Heads of an attention with dynamic axes: Shape, Gather, Concat, Reshape; positions sliced to the sequence's length; a
/// token repeated for the batch by ConstantOfShape, Equal, Where and Expand.
ValueId bert_like(Shapes& b, ValueId x) {
  const ValueId positions =
      b.node("Slice", {b.weight({1, 32, 8}), b.ints({0}), b.size_vector(x, 1), b.ints({1})});
  const ValueId sum = b.node("Add", {x, positions});
  const ValueId width = b.node("Div", {b.size(sum, 2), b.number(2)});
  const ValueId heads = b.node("Concat",
                               {b.size_vector(sum, 0), b.size_vector(sum, 1), b.ints({2}),
                                b.node("Unsqueeze", {b.node("Cast", {width}, "to=7"), b.ints({0})})},
                               "axis=0");
  const ValueId split = b.node("Transpose", {b.node("Reshape", {sum, heads})}, "perm=[0,2,1,3]");
  const ValueId back = b.node("Transpose", {split}, "perm=[0,2,1,3]");
  const ValueId flat = b.node("Concat", {b.node("Shape", {back}, "start=0 end=2"), b.ints({8})}, "axis=0");
  const ValueId joined = b.node("Reshape", {b.node("Relu", {back}), flat});
  const ValueId wanted = b.node("Concat", {b.size_vector(x, 0), b.ints({-1, -1})}, "axis=0");
  const ValueId ones = b.node("ConstantOfShape", {b.node("Shape", {wanted})});
  b.g.nodes.back().attributes["value"] = std::make_shared<const Tensor>(Tensor::of<int64_t>({1}, {1}));
  const ValueId target = b.node("Where", {b.node("Equal", {wanted, b.ints({-1, -1, -1})}), ones, wanted});
  return b.node("Concat", {b.node("Expand", {b.weight({1, 1, 8}), target}), joined}, "axis=1");
}

/// Padding to windows of 4, as in Swin: (4 - H % 4) % 4 rows more, then windows by Reshape.
ValueId swin_like(Shapes& b, ValueId x) {
  const ValueId h = b.size(x, 1);
  const ValueId more =
      b.node("Mod", {b.node("Sub", {b.number(4), b.node("Mod", {h, b.number(4)})}), b.number(4)});
  const ValueId pads = b.node(
      "Concat", {b.ints({0, 0, 0, 0}), b.node("Unsqueeze", {more, b.ints({0})}), b.ints({0})}, "axis=0");
  const ValueId padded = b.node("Pad", {x, pads});
  const ValueId windows = b.node("Div", {b.size(padded, 1), b.number(4)});
  const ValueId shape = b.node(
      "Concat", {b.size_vector(x, 0), b.node("Unsqueeze", {windows, b.ints({0})}), b.ints({4, 8})}, "axis=0");
  return b.node("Reshape", {padded, shape});
}

std::vector<nlohmann::json> steps_of(const Graph& g, const Shape& x) {
  Session session(std::make_shared<const Graph>(g), {});
  return nlohmann::json::parse(session.explain({{"x", x}}))["steps"];
}

TEST(DynamicShapes, NoArithmeticRemainsOnceSizesAreKnown) {
  for (const auto& build : {bert_like, swin_like}) {
    Shapes b;
    const ValueId x = b.input({b.symbol("batch"), b.symbol("length"), 8});
    const Graph g = b.done({build(b, x)});
    for (const Shape& shape : {Shape{1, 5, 8}, Shape{3, 17, 8}}) {
      for (const auto& step : steps_of(g, shape))
        for (const auto& out : step["outputs"])
          EXPECT_TRUE(out["type"].get<std::string>().starts_with("f32[")) << step["node"];
      Tensor in = b.random(shape);
      const std::vector<Tensor> inputs = [&] {
        std::vector<Tensor> v;
        v.push_back(std::move(in));
        return v;
      }();
      const auto want = evaluate(g, inputs);
      const auto got = Session(std::make_shared<const Graph>(g), {}).run(inputs);
      ASSERT_EQ(to_string(got[0].shape()), to_string(want[0].shape()));
      for (int64_t i = 0; i < want[0].num_elements(); ++i)
        ASSERT_EQ(got[0].data<float>()[i], want[0].data<float>()[i]) << i;
    }
  }
}

/// The sizes that are known, and the names of those that are not, go through the arithmetic.
TEST(DynamicShapes, OpenSizesKeepTheirNames) {
  Shapes b;
  const int64_t batch = b.symbol("batch"), length = b.symbol("length");
  const ValueId x = b.input({batch, length, 8});
  const ValueId whole = b.node("Shape", {x});
  const ValueId rows =
      b.node("Reshape", {x, b.node("Concat", {b.size_vector(x, 0), b.ints({-1})}, "axis=0")});
  const ValueId ends =
      b.node("Concat", {b.node("Shape", {x}, "start=-1"), b.node("Shape", {x}, "end=-1")}, "axis=0");
  const ValueId turned = b.node("Reshape", {x, ends});
  const ValueId some = b.node("Max", {whole, b.ints({0})});
  const ValueId same = b.node("Expand", {b.scalar(1), some});
  const Graph g = b.done({rows, turned, same});
  EXPECT_EQ((*g.type(rows).shape)[0], batch);
  EXPECT_EQ(*g.type(turned).shape, (Shape{8, batch, length}));
  EXPECT_EQ(*g.type(same).shape, (Shape{batch, length, 8}));
}

TEST(PlanCache, KeepsTheLastUsedAndLetsTheOthersGo) {
  GraphBuilder b;
  const Graph g = b.done({b.node("Relu", {b.input({b.symbol("N"), 3})})});
  PlanCache cache(g, {.max_plans = 2});
  const auto plan = [&](int64_t n) {
    const Type type{.format = &formats::kF32, .shape = Shape{n, 3}};
    return cache.plan_for(std::to_string(n), std::span(&type, 1));
  };
  const std::weak_ptr<const Plan> one = plan(1), two = plan(2);
  EXPECT_EQ(plan(1), one.lock());
  EXPECT_FALSE(two.expired());
  plan(3);
  EXPECT_TRUE(two.expired()) << "the one that was not used for longest";
  EXPECT_FALSE(one.expired());
  for (int64_t n = 4; n < 200; ++n) plan(n);
  EXPECT_TRUE(one.expired());
  EXPECT_EQ(plan(1)->operands[static_cast<size_t>(plan(1)->inputs[0])].shape(), (Shape{1, 3}));
}

}  // namespace
}  // namespace dunlin
