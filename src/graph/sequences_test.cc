// Ops on sequences and optionals beyond what ONNX's own tests ask: positions, parts, empty ones, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/evaluate.h"
#include "graph/infer.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

/// One node of opset 18 on these inputs; an absent one is left out.
struct OneNode {
  Graph g;
  std::vector<RunValue> inputs;

  OneNode(std::string op, std::vector<RunValue> in, Attributes attributes = {}) : inputs(std::move(in)) {
    g.opsets[""] = 18;
    Node node;
    node.op = std::move(op);
    node.name = "n";
    node.attributes = std::move(attributes);
    for (const RunValue& v : inputs) {
      Type type{.format = v.format(), .shape = {}};
      if (v.is_sequence()) type.kind = Type::Kind::kSequence;
      if (v.is_tensor()) type.shape = v.tensor().shape();
      type.optional = v.is_nothing();
      g.inputs.push_back(g.add_value(fmt::format("in{}", g.inputs.size()), type));
    }
    node.inputs = g.inputs;
    node.outputs = g.outputs = {g.add_value("out")};
    g.nodes.push_back(std::move(node));
  }
  RunValue run() {
    std::vector<RunValue> in;
    for (const RunValue& v : inputs) in.push_back(v.view());
    return std::move(evaluate_values(g, std::move(in))[0]);
  }
  std::string type() const {
    const Graph inferred = infer_and_fold(g);
    return to_string(inferred.type(inferred.outputs[0]));
  }
  std::string error() {
    try {
      run();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
};

template <typename... Values>
std::vector<RunValue> values(Values... v) {
  std::vector<RunValue> out;
  (out.push_back(std::move(v)), ...);
  return out;
}

RunValue vec(std::initializer_list<float> v) {
  return Tensor::of<float>({static_cast<int64_t>(v.size())}, v);
}
std::vector<float> floats(const RunValue& v) {
  return {v.tensor().values<float>().begin(), v.tensor().values<float>().end()};
}
RunValue scalar(int64_t v) { return Tensor::of<int64_t>({}, {v}); }
/// Elements [0], [1], ..
RunValue counted(int n) {
  RunValue::Elements elements;
  for (int i = 0; i < n; ++i)
    elements.push_back(std::make_shared<const Tensor>(Tensor::of<float>({1}, {static_cast<float>(i)})));
  return RunValue::sequence(&formats::kF32, std::move(elements));
}
/// All elements, one list each.
std::vector<std::vector<float>> lists(const RunValue& v) {
  std::vector<std::vector<float>> out;
  for (const auto& t : v.elements()) out.emplace_back(t->values<float>().begin(), t->values<float>().end());
  return out;
}
using Lists = std::vector<std::vector<float>>;

TEST(Sequences, PositionsCountFromBothEnds) {
  for (int at = -3; at < 3; ++at) {
    const auto want = static_cast<float>(at < 0 ? at + 3 : at);
    EXPECT_EQ(floats(OneNode("SequenceAt", values(counted(3), scalar(at))).run()),
              (std::vector<float>{want}));
    Lists left = lists(counted(3));
    left.erase(left.begin() + static_cast<int>(want));
    EXPECT_EQ(lists(OneNode("SequenceErase", values(counted(3), scalar(at))).run()), left);
  }
  for (int at = -3; at <= 3; ++at) {
    Lists more = lists(counted(3));
    more.insert(more.begin() + (at < 0 ? at + 3 : at), {7, 8});
    EXPECT_EQ(lists(OneNode("SequenceInsert", values(counted(3), vec({7, 8}), scalar(at))).run()), more);
  }
  EXPECT_EQ(lists(OneNode("SequenceErase", values(counted(2))).run()), (Lists{{0}}));
  for (const int at : {-4, 3})
    EXPECT_THAT(OneNode("SequenceAt", values(counted(3), scalar(at))).error(),
                HasSubstr(fmt::format("SequenceAt \"n\": position {} of a sequence of 3", at)));
  EXPECT_THAT(OneNode("SequenceInsert", values(counted(3), vec({1}), scalar(4))).error(),
              HasSubstr("position 4 of a sequence of 3"));
  EXPECT_THAT(OneNode("SequenceAt", values(counted(1), vec({0, 0}))).error(),
              HasSubstr("SequenceAt \"n\": input 1 is [2], a scalar is expected"));
  EXPECT_THAT(OneNode("SequenceErase", values(counted(0))).error(), HasSubstr("the sequence is empty"));
}

TEST(Sequences, SplitAndConcatenateAgain) {
  const auto x = [] { return RunValue(Tensor::of<float>({2, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9})); };
  RunValue parts = OneNode("SplitToSequence", values(x(), scalar(2)), {{"axis", int64_t{1}}}).run();
  EXPECT_EQ(lists(parts), (Lists{{0, 1, 5, 6}, {2, 3, 7, 8}, {4, 9}}));
  const auto sizes = [](std::initializer_list<int64_t> v) {
    return RunValue(Tensor::of<int64_t>({static_cast<int64_t>(v.size())}, v));
  };
  parts = OneNode("SplitToSequence", values(x(), sizes({0, 4, 1})), {{"axis", int64_t{-1}}}).run();
  EXPECT_EQ(lists(parts), (Lists{{}, {0, 1, 2, 3, 5, 6, 7, 8}, {4, 9}}));
  OneNode joined("ConcatFromSequence", values(parts.view()), {{"axis", int64_t{-1}}});
  EXPECT_EQ(floats(joined.run()), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  OneNode rows("SplitToSequence", values(x()), {{"keepdims", int64_t{0}}});
  EXPECT_EQ(rows.type(), "sequence(f32[5])");
  OneNode stacked("ConcatFromSequence", values(rows.run()), {{"axis", int64_t{1}}, {"new_axis", int64_t{1}}});
  EXPECT_EQ(floats(stacked.run()), (std::vector<float>{0, 5, 1, 6, 2, 7, 3, 8, 4, 9}));
  for (const auto& [split, words] : {std::pair{sizes({2, 2}), "the parts sum to 4, the axis is 5"},
                                     std::pair{sizes({3, 3}), "a part of size 3, 2 of 5 are left"},
                                     std::pair{sizes({-1, 6}), "a part of size -1"}})
    EXPECT_THAT(OneNode("SplitToSequence", values(x(), split.view()), {{"axis", int64_t{1}}}).error(),
                HasSubstr(words));
  EXPECT_THAT(OneNode("SplitToSequence", values(x(), scalar(0))).error(), HasSubstr("parts of size 0"));
  EXPECT_THAT(OneNode("ConcatFromSequence", values(counted(0)), {{"axis", int64_t{0}}}).error(),
              HasSubstr("the sequence is empty"));
  EXPECT_THAT(OneNode("ConcatFromSequence", values(parts.view()), {{"axis", int64_t{0}}}).error(),
              HasSubstr("element 0 is f32[2,0], element 1 is f32[2,4]"));
  // Parts without elements cost no bytes, but there may be any number of them.
  EXPECT_THAT(
      OneNode("SplitToSequence", values(RunValue(Tensor(&formats::kF32, {int64_t{1} << 40, 0})))).error(),
      HasSubstr("the loops of this run took the 1000000 iterations"));
}

TEST(Sequences, OneTypeOfElements) {
  EXPECT_EQ(OneNode("SequenceConstruct", values(vec({1}), vec({1, 2}))).type(), "sequence(f32[?])");
  EXPECT_EQ(OneNode("SequenceEmpty", {}, {{"dtype", int64_t{7}}}).type(), "sequence(i64)");
  EXPECT_EQ(OneNode("SequenceLength", values(counted(4))).run().tensor().values<int64_t>()[0], 4);
  EXPECT_THAT(OneNode("SequenceConstruct", values(vec({1}), scalar(1))).error(),
              HasSubstr("input 0 is of f32, input 1 of i64"));
  EXPECT_THAT(OneNode("SequenceInsert", values(counted(1), scalar(1))).error(),
              HasSubstr("the sequence is of f32, its new element of i64"));
  for (const char* op : {"SequenceConstruct", "SequenceInsert"}) {
    OneNode mixed(op, values(op[8] == 'C' ? vec({1}) : counted(1), scalar(1)));
    EXPECT_THROW(mixed.type(), Error) << op;
  }
  EXPECT_THAT(OneNode("SequenceAt", values(vec({1}), scalar(0))).error(),
              HasSubstr("input 0 is a tensor, a sequence is expected"));
  EXPECT_THAT(OneNode("Relu", values(counted(1))).error(), HasSubstr("tensors are expected"));
  EXPECT_THROW(OneNode("Relu", values(counted(1))).type(), Error);
}

TEST(Optionals, AreTheirElementOrNothing) {
  Attributes type{{"type", Type{.kind = Type::Kind::kSequence, .format = &formats::kI32, .shape = Shape{3}}}};
  OneNode nothing("Optional", {}, type);
  EXPECT_EQ(nothing.type(), "optional(sequence(i32))");
  EXPECT_TRUE(nothing.run().is_nothing());
  OneNode something("Optional", values(vec({1, 2})));
  EXPECT_EQ(something.type(), "optional(f32[2])");
  EXPECT_TRUE(something.run().is_tensor());
  const auto has = [](RunValue v) {
    return OneNode("OptionalHasElement", values(std::move(v))).run().tensor().values<bool>()[0];
  };
  EXPECT_TRUE(has(counted(0)));
  EXPECT_TRUE(has(vec({})));
  EXPECT_FALSE(has({}));
  EXPECT_EQ(lists(OneNode("OptionalGetElement", values(counted(2))).run()), (Lists{{0}, {1}}));
  EXPECT_THAT(OneNode("OptionalGetElement", values(RunValue())).error(),
              HasSubstr("OptionalGetElement \"n\": the optional has no element"));
  EXPECT_THROW(OneNode("Optional", {}).type(), Error);
}

}  // namespace
}  // namespace dunlin
