#include "graph/dot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "tensor/formats.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using testing::Not;

/// x f32[2,3] -> MatMul with w f32[3,4] -> Relu -> y
Graph small_graph() {
  Graph g;
  g.opsets[""] = 17;
  const ValueId x = g.add_value("x", {.format = &formats::kF32, .shape = Shape{2, 3}}),
                w = g.add_initializer("w", std::make_shared<Tensor>(&formats::kF32, Shape{3, 4})),
                h = g.add_value("h"), y = g.add_value("y", {.format = &formats::kF32, .shape = Shape{2, 4}});
  g.inputs = {x};
  g.outputs = {y};
  g.nodes.push_back(
      {.op = "MatMul", .domain = "", .name = "fc", .attributes = {}, .inputs = {x, w}, .outputs = {h}});
  g.nodes.push_back(
      {.op = "Relu", .domain = "", .name = "", .attributes = {}, .inputs = {h}, .outputs = {y}});
  return g;
}

TEST(Dot, ShowsOpsWeightsAndWhatFlows) {
  const std::string dot = to_dot(small_graph());
  EXPECT_THAT(dot, HasSubstr(R"(v0 [shape=ellipse label="x\nf32[2,3]"])"));
  EXPECT_THAT(dot,
              HasSubstr(R"(n0 [label="MatMul\nw f32[3,4]" tooltip="MatMul \"fc\"" fillcolor=lightblue])"));
  EXPECT_THAT(dot, HasSubstr(R"(v0 -> n0 [label="f32[2,3]"])"));
  EXPECT_THAT(dot, HasSubstr(R"(n0 -> n1 [label="f32[2,4]"])")) << "inferred";
  EXPECT_THAT(dot, HasSubstr(R"(n1 [label="Relu" tooltip="Relu \"y\"" fillcolor=white])"));
  EXPECT_THAT(dot, HasSubstr("n1 -> o0"));
}

TEST(Dot, WhatCannotRunIsRed) {
  Graph g = small_graph();
  g.nodes[1].op = "Frobnicate";
  const std::string dot = to_dot(g, unsupported_parts(g));
  EXPECT_THAT(dot, HasSubstr(R"(n1 [label="Frobnicate" tooltip="Frobnicate \"y\"" fillcolor=salmon])"));
  EXPECT_THAT(dot, HasSubstr("fillcolor=lightblue"));
}

TEST(Dot, NamesStayNames) {
  Graph g = small_graph();
  std::string& input = g.values[0].name;
  input = "a\" b\\\n] -> n1; \x01";
  EXPECT_THAT(to_dot(g), HasSubstr(R"(label="a\" b\\\n] -> n1;  \nf32[2,3]"])"));
  input = "&#1;";
  EXPECT_THAT(to_dot(g), HasSubstr(R"(label="&amp;#1;\nf32[2,3]"])"));
  input = std::string(1000, 'x') + "\u00fc" + std::string(59, 'y');
  const std::string cut = to_dot(g);
  EXPECT_THAT(cut, HasSubstr("\"..." + std::string(59, 'y') + "\\n")) << "no half of a character";
  EXPECT_THAT(cut, Not(HasSubstr("xxx")));
}

TEST(Dot, SubgraphsAndTheirReadsAreSeen) {
  Graph body;
  const ValueId outer = body.add_value("h", {.format = &formats::kF32, .shape = Shape{2, 4}}),
                inner = body.add_value("i");
  body.nodes.push_back(
      {.op = "Neg", .domain = "", .name = "", .attributes = {}, .inputs = {outer}, .outputs = {inner}});
  body.captured = {outer};
  body.outputs = {inner};
  Graph g = small_graph();
  const ValueId condition = g.add_value("condition", {.format = &formats::kBool, .shape = Shape{}});
  g.inputs.push_back(condition);
  const GraphPtr branch = std::make_shared<Graph>(body);
  g.nodes[1].op = "If";
  g.nodes[1].attributes = {{"then_branch", branch}, {"else_branch", branch}};
  const ValueId h = g.nodes[1].inputs[0];
  g.nodes[1].inputs = {condition, h, h};
  const std::string dot = to_dot(g);
  EXPECT_THAT(dot, HasSubstr(R"(n1 [label="If\nelse_branch: 1 nodes\nthen_branch: 1 nodes")"));
  EXPECT_THAT(dot, HasSubstr("n0 -> n1"));
  // What cannot run inside shows outside.
  EXPECT_THAT(to_dot(g, {{"Neg", "i", "why"}}), HasSubstr("fillcolor=salmon"));
}

TEST(Dot, CharactersThatXmlHasNot) {
  Graph g = small_graph();
  g.values[0].name =
      "a\xef\xbf\xbe"
      "b\xef\xbf\xbf"
      "c\xef\xbf\xbd";
  EXPECT_THAT(to_dot(g), HasSubstr("a?b?c\xef\xbf\xbd"));
}

TEST(Dot, ALargeGraphSaysWhereItsNodesStand) {
  Graph g = small_graph();
  EXPECT_THAT(to_dot(g), Not(HasSubstr("pos=")));
  ValueId v = g.inputs[0];
  for (size_t i = 0; i <= kMostForGraphviz; ++i) {  // a chain beside the other: rows of two
    const ValueId next = g.add_value("c" + std::to_string(i));
    g.nodes.push_back(
        {.op = "Neg", .domain = "", .name = "", .attributes = {}, .inputs = {v}, .outputs = {next}});
    v = next;
  }
  g.outputs.push_back(v);
  const std::string dot = to_dot(g);
  const size_t last = kMostForGraphviz + 2;
  const auto place = [&](size_t column, size_t row) {
    return fmt::format(" pos=\"{},{}\"", column * 260, (last - row) * 110);
  };
  EXPECT_THAT(dot, HasSubstr("f32[2,3]\"" + place(0, 0) + "]"));
  EXPECT_THAT(dot, HasSubstr("fillcolor=lightblue" + place(0, 1)));
  EXPECT_THAT(dot, HasSubstr("tooltip=\"Neg \\\"c0\\\"\" fillcolor=white" + place(1, 1)));
  EXPECT_THAT(dot, HasSubstr("o1 [shape=ellipse label=\"c400\"" + place(1, last)));
}

}  // namespace
}  // namespace dunlin
