// How many inputs and outputs nodes may have: ONNX's schemas (tests/golden/make_arity.py wrote them) against the
// catalog, and nodes of the wrong count.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "graph/op.h"
#include "graph/testing/one_node.h"

namespace dunlin {
namespace {

struct Counts {
  int least_inputs, most_inputs;
  uint32_t optional_inputs;
  int least_outputs, most_outputs;
  bool operator==(const Counts&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& c) {
  return out << c.least_inputs << " to " << c.most_inputs << " inputs (optional: bits " << c.optional_inputs
             << "), " << c.least_outputs << " to " << c.most_outputs << " outputs";
}

/// Of each op, with its domain: the counts from each opset on at which they change.
std::map<std::string, std::map<int, Counts>> onnx_schemas() {
  std::map<std::string, std::map<int, Counts>> out;
  std::ifstream file(DUNLIN_SOURCE_DIR "/tests/golden/arity.txt");
  for (std::string text; std::getline(file, text);) {
    if (text.starts_with('#')) continue;
    std::istringstream line(text);
    std::string name;
    int since = 0;
    Counts c{};
    line >> name >> since >> c.least_inputs >> c.most_inputs >> c.optional_inputs >> c.least_outputs >>
        c.most_outputs;
    EXPECT_TRUE(line) << text;
    for (int* most : {&c.most_inputs, &c.most_outputs})
      if (*most < 0) *most = kVariadic;
    out[name][since] = c;
  }
  return out;
}

/// The widest of what the opsets from `since` to before `end` allow.
Counts widest(const std::map<int, Counts>& history, int since, int end) {
  auto it = history.upper_bound(since);
  if (it == history.begin()) return {};
  --it;
  Counts out = it->second;
  for (++it; it != history.end() && it->first < end; ++it) {
    const Counts& c = it->second;
    out = {std::min(out.least_inputs, c.least_inputs), std::max(out.most_inputs, c.most_inputs),
           out.optional_inputs | c.optional_inputs, std::min(out.least_outputs, c.least_outputs),
           std::max(out.most_outputs, c.most_outputs)};
  }
  return out;
}

TEST(Arity, AllOfOnnxIsAsItsSchemasSay) {
  const auto schemas = onnx_schemas();
  ASSERT_GT(schemas.size(), 190u);
  int compared = 0;
  for (const OpDef* newest : all_ops()) {
    if (newest->domain == kDunlinDomain) continue;
    const std::string name =
        std::string(newest->domain) + (newest->domain.empty() ? "" : ".") + std::string(newest->name);
    ASSERT_TRUE(schemas.contains(name)) << name;
    int end = INT_MAX;
    for (const OpDef* op = newest; op; end = op->since, op = op->older) {
      const Counts ours{op->inputs.least, op->inputs.most, op->optional_inputs, op->outputs.least,
                        op->outputs.most};
      EXPECT_EQ(ours, widest(schemas.at(name), op->since, end)) << name << " since " << op->since;
      ++compared;
    }
  }
  EXPECT_GT(compared, 200);
}

/// A node of so many inputs and outputs, in the opset of that definition.
Graph node_of(const OpDef& op, int inputs, int outputs) {
  std::vector<Tensor> given(static_cast<size_t>(inputs));
  for (Tensor& t : given) t = Tensor::of<float>({1}, {0});
  Graph g = one_node(std::string(op.name), given, {}, static_cast<size_t>(outputs));
  g.nodes[0].domain = op.domain;
  g.nodes[0].opset = op.since;
  return g;
}

std::string refusal(const Graph& g) {
  const Node& node = g.nodes[0];
  std::vector<Type> types;
  for (ValueId v : node.inputs) types.push_back(v == kNoValue ? Type{} : g.type(v));
  const std::vector<const Tensor*> constants(types.size(), nullptr);
  try {
    infer_node(g, node, types, constants);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

std::vector<const OpDef*> all_definitions() {
  std::vector<const OpDef*> out;
  for (const OpDef* op : all_ops())
    for (; op; op = op->older) out.push_back(op);
  return out;
}

TEST(Arity, OneTooManyOrTooFewIsRefusedByEveryOp) {
  for (const OpDef* op : all_definitions()) {
    SCOPED_TRACE(fmt::format("{} since {}", op->name, op->since));
    const auto expect = [&](int inputs, int outputs, int wrong, std::string_view what) {
      const std::string got = refusal(node_of(*op, inputs, outputs)),
                        expected =
                            fmt::format("has {} {}{}, {} ", wrong, what, wrong == 1 ? "" : "s", op->name);
      EXPECT_NE(got.find(expected), std::string::npos) << got;
    };
    const Arity in = op->inputs, out = op->outputs;
    if (in.least > 0) expect(in.least - 1, out.least, in.least - 1, "input");
    if (in.most != kVariadic) expect(in.most + 1, out.least, in.most + 1, "input");
    if (out.least > 0) expect(in.least, out.least - 1, out.least - 1, "output");
    if (out.most != kVariadic) expect(in.least, out.most + 1, out.most + 1, "output");
  }
}

/// Whether inference refuses a node of `count` inputs because input i has an empty name.
bool refused_without(const OpDef& op, int count, int i) {
  Graph g = node_of(op, count, op.outputs.least);
  g.nodes[0].inputs[static_cast<size_t>(i)] = kNoValue;
  return refusal(g).ends_with(fmt::format(": input {} is missing", i));
}

TEST(Arity, AnInputMayBeLeftOutWhereItsSchemaSaysSoAndNowhereElse) {
  const auto schemas = onnx_schemas();
  int needed = 0, optional = 0;
  for (const OpDef* newest : all_ops()) {
    if (newest->domain == kDunlinDomain) continue;
    const auto& history = schemas.at(std::string(newest->domain) + (newest->domain.empty() ? "" : ".") +
                                     std::string(newest->name));
    int end = INT_MAX;
    for (const OpDef* op = newest; op; end = op->since, op = op->older) {
      const Counts schema = widest(history, op->since, end);
      const bool any = schema.most_inputs == kVariadic;
      const int count = any ? schema.least_inputs + 2 : schema.most_inputs;
      for (int i = 0; i < count; ++i) {
        const bool may = (schema.optional_inputs >> i & 1) || (!any && i >= schema.least_inputs);
        EXPECT_EQ(refused_without(*op, count, i), !may)
            << op->name << " since " << op->since << ", input " << i;
        ++(may ? optional : needed);
      }
    }
  }
  EXPECT_GT(needed, 300);
  EXPECT_GT(optional, 70);
}

TEST(Arity, TheSameOfOpsOfOurs) {
  const auto refused = [](std::string_view name, int count, int i) {
    return refused_without(*find_op(kDunlinDomain, name, kNewestOpset), count, i);
  };
  EXPECT_FALSE(refused("FusedMatMul", 4, 2) || refused("FusedMatMul", 4, 3));
  EXPECT_TRUE(refused("FusedMatMul", 4, 0) && refused("FusedMatMul", 4, 1));
  EXPECT_FALSE(refused("FakeQuantizeGrad", 4, 2));
  EXPECT_TRUE(refused("FakeQuantizeGrad", 4, 3));
  EXPECT_TRUE(refused("ConcatGrad", 3, 2));
}

TEST(Arity, TheRefusalNamesNodeOpAndCounts) {
  const auto text = [](std::string_view name, int inputs, int outputs) {
    return refusal(node_of(*find_op("", name, kNewestOpset), inputs, outputs));
  };
  EXPECT_EQ(text("Conv", 4, 1), "Conv \"n\": has 4 inputs, Conv takes 2 to 3");
  EXPECT_EQ(text("BatchNormalization", 4, 1),
            "BatchNormalization \"n\": has 4 inputs, BatchNormalization takes 5");
  EXPECT_EQ(text("Concat", 0, 1), "Concat \"n\": has 0 inputs, Concat takes 1 or more");
  EXPECT_EQ(text("Relu", 1, 2), "Relu \"n\": has 2 outputs, Relu gives 1");
  EXPECT_EQ(text("TopK", 2, 1), "TopK \"n\": has 1 output, TopK gives 2");
}

}  // namespace
}  // namespace dunlin
