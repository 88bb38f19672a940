#include "graph/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "graph/onnx/import.h"
#include "graph/onnx/testing.h"
#include "graph/support.h"

namespace dunlin {
namespace {

using onnx::add_node;
using onnx::add_value;
using onnx::AttributeProto;
using onnx::ModelProto;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void add_weight(ModelProto& m, const char* name, std::initializer_list<int64_t> dims) {
  onnx::TensorProto& t = *m.mutable_graph()->add_initializer();
  t.set_name(name);
  t.set_data_type(1);
  size_t n = 4;
  for (int64_t d : dims) {
    t.add_dims(d);
    n *= static_cast<size_t>(d);
  }
  t.set_raw_data(std::string(n, '\0'));
}

/// x [N,3,8,8] -> Conv 4x3x3x3 (valid) -> Relu -> Flatten -> Gemm [10, 144]
ModelProto conv_net() {
  ModelProto m;
  m.set_ir_version(8);
  m.set_producer_name("pytorch");
  m.set_producer_version("1.13.1");
  m.add_opset_import()->set_version(17);
  m.add_metadata_props()->set_key("dunlin.task.loss");
  m.mutable_metadata_props(0)->set_value("ce");
  onnx::GraphProto& g = *m.mutable_graph();
  add_value(*g.mutable_input(), "x", {1, 3, 8, 8});
  g.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param(
      "N");
  add_value(*g.mutable_output(), "y", {1, 10});
  g.mutable_output(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param(
      "N");
  add_weight(m, "k", {4, 3, 3, 3});
  add_weight(m, "w", {10, 144});
  add_weight(m, "b", {10});
  add_node(*g.mutable_node(), "Conv", {"x", "k"}, {"c"});
  add_node(*g.mutable_node(), "Relu", {"c"}, {"r"});
  add_node(*g.mutable_node(), "Flatten", {"r"}, {"f"});
  AttributeProto& a = *add_node(*g.mutable_node(), "Gemm", {"f", "w", "b"}, {"y"}).add_attribute();
  a.set_name("transB");
  a.set_type(AttributeProto::INT);
  a.set_i(1);
  return m;
}

Inspection inspect_proto(const ModelProto& m, const std::map<std::string, Shape, std::less<>>& shapes = {}) {
  return inspect(parse_onnx(as_bytes(m.SerializeAsString())), shapes);
}

TEST(Inspect, CountsAConvolutionalNet) {
  const Inspection i = inspect_proto(conv_net());
  EXPECT_EQ(i.parameters, 4u * 27 + 1440 + 10);
  EXPECT_EQ(i.weight_bytes, i.parameters * 4);
  EXPECT_EQ(i.bytes_by_format.at("f32"), i.weight_bytes);
  EXPECT_EQ(i.macs, 4u * 36 * 27 + 1440);
  EXPECT_EQ(i.macs_shapes.at("x"), (Shape{1, 3, 8, 8}));
  EXPECT_EQ(i.inputs[0].shape, (std::vector<std::string>{"N", "3", "8", "8"}));
  EXPECT_EQ(i.outputs[0].format, "f32");
  EXPECT_EQ(i.outputs[0].shape, (std::vector<std::string>{"N", "10"}));
  EXPECT_EQ(i.ops.at("Conv"), 1);
  EXPECT_TRUE(i.trainable) << i.trainable_why_not;
  EXPECT_EQ(inspect_proto(conv_net(), {{"x", Shape{5, 3, 8, 8}}}).macs, 5 * (4u * 36 * 27 + 1440));
}

TEST(Inspect, WeightsMayBeConstantNodes) {  // as paddle2onnx writes them
  ModelProto m = conv_net();
  onnx::GraphProto& g = *m.mutable_graph();
  for (const onnx::TensorProto& weight : g.initializer()) {
    AttributeProto& value =
        *add_node(*g.mutable_node(), "Constant", {}, {weight.name().c_str()}).add_attribute();
    value.set_name("value");
    value.set_type(AttributeProto::TENSOR);
    *value.mutable_t() = weight;
  }
  g.clear_initializer();
  std::rotate(g.mutable_node()->begin(), g.mutable_node()->end() - 3, g.mutable_node()->end());
  const Inspection constants = inspect_proto(m), initialisers = inspect_proto(conv_net());
  EXPECT_EQ(constants.parameters, initialisers.parameters);
  EXPECT_EQ(constants.bytes_by_format, initialisers.bytes_by_format);
  EXPECT_EQ(constants.trainable_parameters, initialisers.trainable_parameters);
}

TEST(Inspect, ReportsAsJsonAndText) {
  const Inspection i = inspect_proto(conv_net());
  const auto json = nlohmann::json::parse(to_json(i));
  EXPECT_EQ(json["inputs"][0]["shape"], (nlohmann::json{"N", 3, 8, 8}));
  EXPECT_EQ(json["opsets"]["ai.onnx"], 17);
  EXPECT_EQ(json["macs"], 4 * 36 * 27 + 1440);
  EXPECT_EQ(json["metadata"]["dunlin.task.loss"], "ce");
  EXPECT_EQ(json["trainable"], true);
  EXPECT_EQ(json["runs"], true);
  const std::string text = to_text(i);
  for (const char* words :
       {"x f32[N,3,8,8]", "y f32[N,10]", "ai.onnx 17, IR version 8, made by pytorch 1.13.1",
        "runs        yes", "4: 1 Conv, 1 Flatten, 1 Gemm, 1 Relu", "1,558 (f32 6.2 kB)",
        "5,328 for x [1,3,8,8]", "dunlin.task.loss = ce"})
    EXPECT_THAT(text, HasSubstr(words));
}

TEST(Inspect, SaysWhatCannotRunAndWhatCannotTrain) {
  ModelProto m = conv_net();
  m.mutable_graph()->mutable_node(1)->set_op_type("Frobnicate");
  Inspection i = inspect_proto(m);
  ASSERT_EQ(i.unsupported.size(), 1u);
  EXPECT_FALSE(i.trainable);
  EXPECT_THAT(i.trainable_why_not, HasSubstr("Frobnicate \"r\""));
  EXPECT_FALSE(i.macs);
  EXPECT_THAT(to_text(i), HasSubstr("cannot run"));

  m = conv_net();
  onnx::NodeProto& argmax = add_node(*m.mutable_graph()->mutable_node(), "ArgMax", {"y"}, {"best"});
  argmax.set_name("best");
  m.mutable_graph()->mutable_output(0)->set_name("best");
  i = inspect_proto(m);
  EXPECT_TRUE(i.unsupported.empty());
  EXPECT_FALSE(i.trainable);
  EXPECT_THAT(i.trainable_why_not, HasSubstr("differentiable path"));

  m = onnx::small_proto();
  m.mutable_graph()->mutable_node(0)->set_input(1, "x");
  EXPECT_THAT(inspect_proto(m).trainable_why_not, HasSubstr("no f32 weights"));
}

TEST(Inspect, OpsThatCannotRunAreCounted) {
  ModelProto m = conv_net();
  m.add_opset_import()->set_domain("com.example");
  m.mutable_opset_import(1)->set_version(3);
  for (int i = 1; i < 3; ++i) {
    m.mutable_graph()->mutable_node(i)->set_op_type("Frobnicate");
    m.mutable_graph()->mutable_node(i)->set_domain("com.example");
  }
  const Inspection i = inspect_proto(m);
  EXPECT_THAT(to_text(i), HasSubstr("cannot run  2 nodes like com.example.Frobnicate \"r\": "));
  const auto json = nlohmann::json::parse(to_json(i))["unsupported_ops"];
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["domain"], "com.example");
  EXPECT_EQ(json[0]["opset"], 3);
  EXPECT_EQ(json[0]["nodes"], 2);
  EXPECT_EQ(json[0]["first"], "r");
  try {
    check_supported(parse_onnx(as_bytes(m.SerializeAsString())).graph);
    ADD_FAILURE() << "taken";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::StartsWith("2 nodes like com.example.Frobnicate \"r\": "));
    EXPECT_THAT(e.what(), testing::Not(HasSubstr("; com.example")));
  }
}

TEST(Inspect, AnOutputKeepsTheNameOfAnOpenSize) {
  ModelProto m = conv_net();
  m.mutable_graph()->mutable_output(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  EXPECT_EQ(inspect_proto(m).outputs[0].shape, (std::vector<std::string>{"N", "10"}));
}

/// conv_net with another weight that only a rounded branch reads.
TEST(Inspect, WeightsThatNoGradientComesTo) {
  ModelProto m = conv_net();
  onnx::GraphProto& g = *m.mutable_graph();
  add_weight(m, "rounded", {10});
  add_weight(m, "unread", {5});
  g.mutable_node(3)->set_output(0, "z");
  add_node(*g.mutable_node(), "Round", {"rounded"}, {"steps"});
  add_node(*g.mutable_node(), "Add", {"z", "steps"}, {"y"});
  add_node(*g.mutable_node(), "Neg", {"unread"}, {"nothing"});
  const Inspection i = inspect_proto(m);
  EXPECT_TRUE(i.trainable);
  EXPECT_EQ(i.trainable_parameters, 4u * 27 + 1440 + 10);
  ASSERT_EQ(i.untrained.size(), 2u);
  EXPECT_EQ(i.untrained[0].name, "rounded");
  EXPECT_THAT(i.untrained[0].why,
              HasSubstr("no gradient passes Round \"steps\" (path: weight \"rounded\" -> "));
  EXPECT_THAT(i.untrained[1].why, HasSubstr("does not depend on it"));
  EXPECT_THAT(to_text(i), HasSubstr("trainable   yes: 1,558 of 1,573 parameters"));
  EXPECT_THAT(to_text(i), HasSubstr("not \"rounded\": no gradient passes"));
}

TEST(Inspect, OpsWithoutAGradientAndThePathToThem) {
  ModelProto m = conv_net();
  onnx::GraphProto& g = *m.mutable_graph();
  g.mutable_node(3)->set_output(0, "z");
  add_node(*g.mutable_node(), "SplitToSequence", {"z"}, {"parts"});
  AttributeProto& axis = *add_node(*g.mutable_node(), "ConcatFromSequence", {"parts"}, {"y"}).add_attribute();
  axis.set_name("axis");
  axis.set_type(AttributeProto::INT);
  axis.set_i(0);
  const Inspection i = inspect_proto(m);
  EXPECT_FALSE(i.trainable);
  ASSERT_EQ(i.without_gradient.size(), 2u);
  EXPECT_EQ(i.without_gradient[0].name, "SplitToSequence \"parts\"");
  EXPECT_THAT(i.without_gradient[0].why, HasSubstr("-> Gemm \"z\" -> SplitToSequence \"parts\""));
  EXPECT_THAT(i.trainable_why_not,
              HasSubstr("SplitToSequence \"parts\": the op has no gradient (path: weight "));
  EXPECT_THAT(to_text(i), HasSubstr("nor ConcatFromSequence \"y\""));
  const auto json = nlohmann::json::parse(to_json(i));
  EXPECT_EQ(json["without_gradient"][1]["node"], "ConcatFromSequence \"y\"");
}

TEST(Inspect, HalfPrecisionAndSeveralInputsAreNotForTheTrainCommand) {
  EXPECT_THAT(to_text(inspect_proto(conv_net())), Not(HasSubstr("by the library")));
  ModelProto two = conv_net();
  add_value(*two.mutable_graph()->mutable_input(), "more", {1});
  EXPECT_THAT(to_text(inspect_proto(two)), HasSubstr("by the library: `dunlin train` feeds one input"));
  ModelProto half;
  half.set_ir_version(8);
  half.add_opset_import()->set_version(17);
  add_value(*half.mutable_graph()->mutable_input(), "x", {2, 2}, 10);
  onnx::TensorProto& w = *half.mutable_graph()->add_initializer();
  w.set_name("w");
  w.set_data_type(10);
  w.add_dims(2);
  w.add_dims(2);
  w.set_raw_data(std::string(8, '\0'));
  add_node(*half.mutable_graph()->mutable_node(), "MatMul", {"x", "w"}, {"y"});
  half.mutable_graph()->add_output()->set_name("y");
  const Inspection i = inspect_proto(half);
  EXPECT_TRUE(i.unsupported.empty());
  EXPECT_FALSE(i.trainable);
  EXPECT_EQ(i.trainable_parameters, 0u);
}

TEST(Inspect, ShapesMustFitTheInputs) {
  const auto why = [](const std::map<std::string, Shape, std::less<>>& shapes) {
    try {
      inspect_proto(conv_net(), shapes);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(why({{"x", {5, 3, 8, 8}}}), "");
  EXPECT_THAT(why({{"q", {5, 3, 8, 8}}}), HasSubstr("no input \"q\""));
  EXPECT_THAT(why({{"x", {5, 4, 8, 8}}}), HasSubstr("input \"x\" is f32[?,3,8,8], it cannot be [5,4,8,8]"));
  EXPECT_THAT(why({{"x", {5, 3, 8}}}), HasSubstr("cannot be [5,3,8]"));
}

TEST(Inspect, SizesTakenAsOneAreNamedWhereTheyAreTooSmall) {
  ModelProto m = conv_net();
  for (int d : {2, 3})
    m.mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(d)
        ->set_dim_param(d == 2 ? "H" : "W");
  EXPECT_THAT(inspect_proto(m).macs_why_not,
              AllOf(HasSubstr("with open sizes as 1, Conv"), HasSubstr("--shape")));
}

TEST(Inspect, NamesCannotForgeLines) {
  ModelProto m = conv_net();
  m.mutable_graph()->mutable_input(0)->set_name("x\nruns        no: forged");
  *m.mutable_graph()->mutable_node(0)->mutable_input(0) = "x\nruns        no: forged";
  EXPECT_THAT(to_text(inspect_proto(m)), HasSubstr("x?runs        no: forged f32"));
}

TEST(Inspect, OpenSizesAndExternalFiles) {
  Inspection i = inspect_proto(conv_net());
  EXPECT_EQ(i.symbols, std::vector<std::string>{"N"});
  i.external_bytes["m.onnx.data"] = 5'000'000;
  i.task = "images";
  const std::string text = to_text(i);
  EXPECT_THAT(text, HasSubstr("sizes       N: open until a run"));
  EXPECT_THAT(text, HasSubstr("external    5.0 MB of that in \"m.onnx.data\""));
  EXPECT_THAT(text, testing::Not(HasSubstr("dunlin.task.loss")));
  EXPECT_EQ(nlohmann::json::parse(to_json(i))["external_bytes"]["m.onnx.data"], 5'000'000);
}

}  // namespace
}  // namespace dunlin
