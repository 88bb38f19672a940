#include "graph/exporter_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/inspect.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/testing/graph_builder.h"
#include "graph/weights.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(GraphSignature, NamesParametersAndBuffers) {
  const GraphSignature s = parse_graph_signature(
      "\n# inputs\np_l_weight: PARAMETER target='l.weight'\nb_n_running_mean: BUFFER target='n.running_mean' "
      "persistent=True\nc_0: CONSTANT_TENSOR target='lifted'\nx: USER_INPUT\n\n# outputs\n"
      "add: BUFFER_MUTATION target='n.running_mean'\np_odd: PARAMETER target='it's'\ny: USER_OUTPUT\n");
  EXPECT_THAT(s.parameters, ElementsAre("it's", "l.weight"));
  EXPECT_THAT(s.others, ElementsAre("lifted", "n.running_mean"));
}

TEST(GraphSignature, BadTextSaysNothing) {
  using std::string_literals::operator""s;
  for (const std::string& text :
       {""s, "\n\n\n"s, "'"s, ":"s, ": "s, ": PARAMETER"s, "p: PARAMETER target="s, "p: PARAMETER target='"s,
        "p: PARAMETER target=''"s, "p: PARAMETER target='w"s, " target='w'"s, " target='w': PARAMETER"s,
        "p PARAMETER target='w'"s, "'p: PARAMETER target='"s, "\0\xff\xfe: \0"s, std::string(1 << 20, '\''),
        std::string(1 << 20, ':'), std::string(1 << 20, '\n')}) {
    const GraphSignature s = parse_graph_signature(text);
    EXPECT_THAT(s.parameters, IsEmpty()) << text.substr(0, 40);
    EXPECT_THAT(s.others, IsEmpty()) << text.substr(0, 40);
  }
  EXPECT_THAT(parse_graph_signature("p: PARAMETERS target='w'").parameters, IsEmpty());
  EXPECT_THAT(parse_graph_signature("p: PARAMETER target='w'\0\nq: PARAMETER target='v'").parameters,
              ElementsAre("w"));  // the text ends at the zero
}

/// x [2,3,4] -> * table -> MatMul product -> * scale -> y
Model small_model(const std::string& signature) {
  GraphBuilder b;
  const auto named = [&](const char* name, Shape shape) {
    return b.g.add_initializer(name, std::make_shared<Tensor>(b.random(std::move(shape))));
  };
  const ValueId x = b.input({2, 3, 4}), table = named("table", {3, 4}), product = named("product", {4, 5}),
                scale = named("scale", {5});
  const ValueId y = b.node("Mul", {b.node("MatMul", {b.node("Mul", {x, table}), product}), scale});
  b.g.outputs = {y};
  Model m{.graph = std::move(b.g)};
  if (!signature.empty()) m.metadata[std::string(kGraphSignature)] = signature;
  return m;
}

std::vector<std::string> weights_of(const Model& model) {
  std::vector<std::string> names;
  for (ValueId v : find_weights(model.graph)) names.push_back(model.graph.value_name(v));
  return names;
}

std::vector<std::string> weights_held(const std::string& signature) {
  Model m = small_model(signature);
  const Graph before = m.graph;
  const ExporterConstants c = hold_constants(m);
  EXPECT_FALSE(m.metadata.contains(std::string(kGraphSignature)));
  EXPECT_EQ(c.names.size() + weights_of(m).size(), 3u);
  expect_same_results(before, m.graph);
  return weights_of(m);
}

TEST(HoldConstants, OnlyParametersAreWeights) {
  // All are there: what has no name in the signature is the exporter's.
  EXPECT_THAT(weights_held("p: PARAMETER target='scale'\n"), ElementsAre("scale"));
  EXPECT_THAT(weights_held("p: PARAMETER target='scale'\nq: PARAMETER target='product'"),
              ElementsAre("product", "scale"));
  // One is missing: it may be what was transposed into a product, and cannot be a table.
  EXPECT_THAT(weights_held("p: PARAMETER target='scale'\nq: PARAMETER target='l.weight'"),
              ElementsAre("product", "scale"));
  EXPECT_THAT(weights_held("p: PARAMETER target='product'\nq: PARAMETER target='n.weight'"),
              ElementsAre("product", "scale"));
  // A buffer is none wherever it stands.
  EXPECT_THAT(weights_held("p: PARAMETER target='scale'\nq: PARAMETER target='l.weight'\n"
                           "b: BUFFER target='product' persistent=True"),
              ElementsAre("scale"));
  // It speaks of no initialiser.
  for (const char* signature : {"p: PARAMETER target='w'\n", "nonsense", "b: BUFFER target='table'"})
    EXPECT_THAT(weights_held(signature), ElementsAre("table", "product", "scale")) << signature;
}

/// What was held once is no weight the next time either, though no initialiser is a weight now.
TEST(HoldConstants, OnceIsEnough) {
  Model m = small_model(
      "p: PARAMETER target='lone'\nb: BUFFER target='table'\nb: BUFFER target='product'\n"
      "b: BUFFER target='scale'");
  m.graph.add_initializer("lone", std::make_shared<Tensor>(Tensor::of<float>({1}, {2})));
  EXPECT_EQ(hold_constants(m).names.size(), 3u);
  EXPECT_THAT(weights_of(m), IsEmpty());
  EXPECT_THAT(hold_constants(m).names, IsEmpty());
  EXPECT_THAT(weights_of(m), IsEmpty());
}

TEST(HoldConstants, NothingWithoutASignature) {
  Model m = small_model("");
  EXPECT_THAT(hold_constants(m).names, IsEmpty());
  EXPECT_THAT(weights_of(m), ElementsAre("table", "product", "scale"));
}

TEST(HoldConstants, SaysThatBatchNormalizationWasFolded) {
  Model m = small_model("p: PARAMETER target='scale'\nb: BUFFER target='bn.running_mean' persistent=True");
  EXPECT_TRUE(hold_constants(m).batch_norm_folded);
  m = small_model("p: PARAMETER target='scale'\nb: BUFFER target='shift' persistent=True");
  EXPECT_FALSE(hold_constants(m).batch_norm_folded);
}

TEST(HoldConstants, TheSignatureSurvivesExportAndImport) {
  const Model m = parse_onnx(serialize_onnx(small_model("p: PARAMETER target='scale'\n")));
  EXPECT_EQ(m.metadata.at(std::string(kGraphSignature)), "p: PARAMETER target='scale'\n");
  const Inspection i = inspect(m);
  EXPECT_THAT(i.weights, ElementsAre("scale"));
  EXPECT_THAT(i.constants, ElementsAre("table", "product"));
  EXPECT_EQ(i.trainable_parameters, 5u);
  EXPECT_EQ(i.parameters, 37u);
  EXPECT_THAT(to_text(i), HasSubstr("yes: 5 of 37 parameters, in 1 weights"));
  EXPECT_THAT(to_text(i), HasSubstr("not constants and buffers of PyTorch's exporter: 2, of 32 numbers"));
}

}  // namespace
}  // namespace dunlin
