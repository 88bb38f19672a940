// Well-formed models that ask for absurd things: each is refused with its node named, or answered in little
// time and memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/conform.h"
#include "graph/infer.h"
#include "graph/inspect.h"
#include "graph/onnx/import.h"
#include "graph/onnx/testing.h"
#include "graph/support.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using onnx::add_value;
using onnx::ModelProto;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kHuge = int64_t{1} << 62, kLeast = INT64_MIN;

/// One node "n" over x, and initialisers.
class Asking {
 public:
  explicit Asking(const std::string& op, std::initializer_list<int64_t> x = {2, 3}, int opset = 17) {
    m_.set_ir_version(8);
    m_.add_opset_import()->set_version(opset);
    onnx::GraphProto& g = *m_.mutable_graph();
    add_value(*g.mutable_input(), "x", x);
    g.add_output()->set_name("y");
    node_ = g.add_node();
    node_->set_name("n");
    node_->set_op_type(op);
    node_->add_output("y");
  }
  Asking& input(const std::string& name) {
    node_->add_input(name);
    return *this;
  }
  Asking& ints(const std::vector<int64_t>& v, bool scalar = false) {
    onnx::TensorProto& t = initializer(7);
    if (!scalar) t.add_dims(static_cast<int64_t>(v.size()));
    for (int64_t i : v) t.add_int64_data(i);
    return *this;
  }
  Asking& floats(const std::vector<int64_t>& dims, const std::vector<float>& v) {
    onnx::TensorProto& t = initializer(1);
    for (int64_t d : dims) t.add_dims(d);
    for (float f : v) t.add_float_data(f);
    return *this;
  }
  Asking& attribute(const std::string& name, const std::vector<int64_t>& v) {
    onnx::AttributeProto& a = *node_->add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::INTS);
    for (int64_t i : v) a.add_ints(i);
    return *this;
  }
  Asking& attribute(const std::string& name, int64_t v) {
    onnx::AttributeProto& a = *node_->add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::INT);
    a.set_i(v);
    return *this;
  }
  ModelProto& proto() { return m_; }

  /// What is wrong with it; empty when nothing is.
  std::string error() const {
    try {
      infer_and_fold(parse_onnx(as_bytes(m_.SerializeAsString())).graph);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

 private:
  onnx::TensorProto& initializer(int type) {
    onnx::TensorProto& t = *m_.mutable_graph()->add_initializer();
    t.set_name("c" + std::to_string(m_.graph().initializer_size()));
    t.set_data_type(type);
    node_->add_input(t.name());
    return t;
  }
  ModelProto m_;
  onnx::NodeProto* node_;
};

auto named(const std::string& words) { return AllOf(HasSubstr("\"n\": "), HasSubstr(words)); }

TEST(AbsurdModels, SizesNameTheirNode) {
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{kHuge, kHuge}, {1000000, 1000000, 1000000}, {0, kHuge, kHuge}}) {
    EXPECT_THAT(Asking("ConstantOfShape").ints(sizes).error(), named("more than 2^48"));
    EXPECT_THAT(Asking("RandomNormal").attribute("shape", sizes).error(), named("more than 2^48"));
  }
  EXPECT_THAT(Asking("Expand").input("x").ints({kHuge, 2, 3}).error(), named("more than 2^48"));
  EXPECT_THAT(Asking("Tile").input("x").ints({kHuge, 1}).error(), named("0 to 2^48"));
  EXPECT_THAT(Asking("Tile").input("x").ints({int64_t{1} << 48, 1}).error(), named("more than 2^48"));
  EXPECT_THAT(Asking("Pad").input("x").ints({kLeast, kLeast, kLeast, kLeast}).error(),
              named("-2^48 to 2^48"));
  EXPECT_THAT(Asking("Range").ints({0}, true).ints({kHuge}, true).ints({1}, true).error(), named("elements"));
  EXPECT_THAT(Asking("Range").floats({}, {0}).floats({}, {NAN}).floats({}, {1}).error(), named("nan"));
  EXPECT_THAT(Asking("OneHot", {2}).ints({0}).ints({kHuge}, true).floats({2}, {0, 1}).error(),
              named("depth"));
  EXPECT_THAT(Asking("ConvTranspose", {1, 1, 4, 4})
                  .input("x")
                  .floats({1, 1, 1, 1}, {1})
                  .attribute("strides", std::vector<int64_t>{kHuge, kHuge})
                  .error(),
              named("strides holds"));
}

TEST(AbsurdModels, NegativeSizesNameTheirNode) {
  EXPECT_THAT(Asking("ConstantOfShape").ints({-5, 3}).error(), named("-5"));
  EXPECT_THAT(Asking("Expand").input("x").ints({-5, 2, 3}).error(), named("-5"));
  EXPECT_THAT(Asking("RandomUniform").attribute("shape", std::vector<int64_t>{kLeast}).error(),
              named("holds"));
  EXPECT_THAT(Asking("OneHot", {2}).ints({0}).ints({-1}, true).floats({2}, {0, 1}).error(),
              named("depth is -1"));
}

TEST(AbsurdModels, BlockSizesDoNotOverflow) {
  // 2^62 squared is 0 in 64 bits.
  EXPECT_THAT(Asking("DepthToSpace", {1, 4, 2, 2}).input("x").attribute("blocksize", kHuge).error(),
              named("blocksize"));
  EXPECT_THAT(Asking("SpaceToDepth", {1, 4, 2, 2}).input("x").attribute("blocksize", kHuge).error(),
              named("blocksize"));
}

TEST(AbsurdModels, SlicesStayInside) {
  // Two windows on one axis once added up to one outside the tensor.
  EXPECT_THAT(Asking("Slice").input("x").ints({1, 1}).ints({2, 2}).ints({0, 0}).error(),
              named("given twice"));
  for (int64_t step : {kHuge, kLeast, INT64_MAX, -kHuge}) {
    const bool forward = step > 0;
    EXPECT_EQ(Asking("Slice")
                  .input("x")
                  .ints({forward ? 0 : 2})
                  .ints({forward ? 3 : kLeast})
                  .ints({1})
                  .ints({step})
                  .error(),
              "")
        << step;
  }
}

TEST(AbsurdModels, AnInputNeedsAnElementType) {
  Asking a("Relu");
  a.input("x")
      .proto()
      .mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->set_elem_type(0);
  const Model model = parse_onnx(as_bytes(a.proto().SerializeAsString()));
  try {
    check_supported(model.graph);
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("input \"x\" has no element type"));
  }
  EXPECT_EQ(inspect(model).unsupported.size(), 1u);
}

/// c1 doubled `times` times by concatenation with itself, then summed.
Graph doubled(int times) {
  ModelProto m = Asking("ReduceSum").proto();
  onnx::GraphProto& g = *m.mutable_graph();
  onnx::TensorProto& w = *g.add_initializer();
  w.set_name("c0");
  w.set_data_type(1);
  w.add_dims(1);
  w.add_float_data(1);
  for (int i = 0; i < times; ++i) {
    const std::string from = "c" + std::to_string(i), to = "c" + std::to_string(i + 1);
    onnx::NodeProto& node = *g.add_node();
    node.set_op_type("Concat");
    node.add_input(from);
    node.add_input(from);
    node.add_output(to);
    onnx::AttributeProto& axis = *node.add_attribute();
    axis.set_name("axis");
    axis.set_type(onnx::AttributeProto::INT);
    axis.set_i(0);
  }
  g.mutable_node(0)->add_input("c" + std::to_string(times));
  return parse_onnx(as_bytes(m.SerializeAsString())).graph;
}

TEST(AbsurdModels, FoldingLetsGoOfWhatNothingReadsAnyMore) {
  const Graph g = infer_and_fold(doubled(16));
  EXPECT_TRUE(g.nodes.empty());
  EXPECT_EQ(*g.initializer(g.outputs[0])->data<float>(), 65536.f);
  EXPECT_EQ(g.initializers.size(), 2u) << "c0 and the sum";
}

TEST(AbsurdModels, FoldingHasABudget) {
  const InferOptions small{.folding = {.max_bytes = 1 << 12}};
  const Graph g = infer_and_fold(doubled(16), small);
  EXPECT_FALSE(g.nodes.empty());
  uint64_t bytes = 0;
  for (const auto& [v, t] : g.initializers) bytes += t->num_bytes();
  EXPECT_LE(bytes, (1u << 12) + 4);
  // Growth out of nothing, and work.
  const auto nodes_left = [](const Asking& a) {
    Asking copy = a;
    return infer_and_fold(parse_onnx(as_bytes(copy.proto().SerializeAsString())).graph).nodes.size();
  };
  EXPECT_EQ(nodes_left(Asking("ConstantOfShape").ints({1 << 22})), 0u);
  EXPECT_EQ(nodes_left(Asking("ConstantOfShape").ints({1 << 28})), 1u);
  const std::vector<float> ones(1 << 18, 1.f);
  EXPECT_EQ(nodes_left(Asking("MatMul").floats({512, 512}, ones).floats({512, 512}, ones)), 0u);
  EXPECT_EQ(nodes_left(Asking("MatMul").floats({1 << 14, 16}, ones).floats({16, 1 << 14}, ones)), 1u);
}

// Found by fuzzing: a bias, a scale read beyond its end, a fourth input of Conv taken for the residual of FusedConv, a
// division of integers by zero, years in lanes without elements, numbers that no integer has.
TEST(AbsurdModels, WhatFuzzingFound) {
  EXPECT_THAT(error_of("ConvTranspose", "", "f32[1,2,3,3] f32[2,4,3,3] f32[3]"),
              HasSubstr("the bias is [3], [4] is expected"));
  EXPECT_THAT(error_of("GroupNormalization", "num_groups=3", "f32[1,3,2] f32[3] f32[1]"),
              HasSubstr("input 2 is [1], X is [1,3,2]: 3 numbers are expected"));
  EXPECT_THAT(error_of("InstanceNormalization", "", "f32[1,3,2] f32[2] f32[3]"),
              HasSubstr("input 1 is [2], X is [1,3,2]: 3 numbers are expected"));
  EXPECT_THAT(error_of("BatchNormalization", "", "f32[1,3,2] f32[3] f32[3] f32[3]"),
              HasSubstr("has 4 inputs, BatchNormalization takes 5"));
  EXPECT_THAT(error_of("Clip", "", "f32[3] _ f32[0]{}"), HasSubstr("max is [0], one number is expected"));
  EXPECT_THAT(error_of("Clip", "max=4096.0", "u8[3]", 6),
              HasSubstr("input 0 is u8, floating point is supported"));
  EXPECT_THAT(error_of("GroupNormalization", "num_groups=1", "f32[] f32[1] f32[1]", 18),
              HasSubstr("shape [] has no axis"));
  EXPECT_THAT(error_of("Pad", "", "f32[2] i64{0,1} f32[0]{}"),
              HasSubstr("constant_value is [0], one number is expected"));
  EXPECT_THAT(error_of("TensorScatter", "", "i64[2,3,4,2] f32[2,3,1,2]"),
              HasSubstr("the cache is i64, the update f32"));
  EXPECT_THAT(error_of("TopK", "", "f32[4] i64[0]{}"), HasSubstr("k is [0], one number is expected"));
  EXPECT_THAT(error_of("CumSum", "", "f32[4] i64[0]{}"), HasSubstr("axis is [0], one number is expected"));
  EXPECT_THAT(error_of("Trilu", "", "f32[2,2] i64[0]{}"), HasSubstr("k is [0], one number is expected"));
  EXPECT_THAT(error_of("Dropout", "", "f32[4] f32{0.5,0.5} bool[]{1}"),
              HasSubstr("Dropout \"sample\": ratio is [2], one number is expected"));
  EXPECT_THAT(error_of("Range", "", "f32[]{0} f32{1,2} f32[]{1}"),
              HasSubstr("Range \"sample\": limit is [2], one number is expected"));
  EXPECT_THAT(error_of("Conv", "", "f32[1,2,4,4] f32[4,2,3,3] f32[4] f32[4]"),
              HasSubstr("has 4 inputs, Conv takes 2 to 3"));
  EXPECT_THAT(error_of("SoftmaxCrossEntropyLoss", "", "f32[2,5] i64{4,4} f32[2]"),
              HasSubstr("the weights are [2], [5] is expected"));
  EXPECT_THAT(numbers_of(run_op("ReduceMean", "keepdims=0", "i32[0,3] i64{0}").at(0)),
              testing::ElementsAre(0, 0, 0));
  EXPECT_EQ(Asking("Softmax").floats({int64_t{1} << 40, 0}, {}).error(), "");
  EXPECT_THAT(numbers_of(run_op("Pow", "", "i32{2,0} f32{300,-1}").at(0)),
              testing::ElementsAre(INT32_MAX, INT32_MAX));
  EXPECT_THAT(Asking("Resize", {1, 1, 4, 4}).input("x").input("").floats({4}, {1, 1, 1e30f, NAN}).error(),
              named("scale"));
}

// Each node is cheap, and its result gone with its reader; together they would be any amount of work.
TEST(AbsurdModels, AllFoldingTogetherHasABudget) {
  ModelProto m = Asking("MatMul")
                     .floats({8, 8}, std::vector<float>(64, 1))
                     .floats({8, 8}, std::vector<float>(64, 1))
                     .proto();
  for (int i = 0; i < 9; ++i) {
    onnx::NodeProto node = m.graph().node(0);
    node.set_output(0, fmt::format("y{}", i));
    *m.mutable_graph()->add_node() = node;
  }
  const Graph g = parse_onnx(as_bytes(m.SerializeAsString())).graph;
  constexpr uint64_t kOne = 8 * 8 * 8 + 3 * 64 * sizeof(float);
  EXPECT_EQ(infer_and_fold(g).nodes.size(), 0u);
  EXPECT_EQ(infer_and_fold(g, {.folding = {.max_work = 4 * kOne}}).nodes.size(), 6u);
  EXPECT_EQ(infer_and_fold(g, {.folding = {.max_work = kOne - 1}}).nodes.size(), 10u);
}

// Inference looks at the body of a Loop again as long as its state's types change: a body in a body in a body ... was
// looked at 4^depth times.
TEST(AbsurdModels, LoopsInLoopsAreInferredQuickly) {
  ModelProto m = Asking("Identity").input("x").proto();
  onnx::GraphProto* g = m.mutable_graph();
  std::string state = "x";
  for (int depth = 0; depth < 16; ++depth) {
    const std::string id = std::to_string(depth);
    onnx::NodeProto& loop =
        onnx::add_node(*g->mutable_node(), "Loop", {"", "", state.c_str()}, {("s" + id).c_str()});
    g = &onnx::add_graph(loop, "body");
    add_value(*g->mutable_input(), "i" + id, {}, 7);
    add_value(*g->mutable_input(), "go" + id, {}, 9);
    state = "x" + id;
    g->add_input()->set_name(state);
    onnx::add_int(
        onnx::add_node(*g->mutable_node(), "Concat", {state.c_str(), state.c_str()}, {("y" + id).c_str()}),
        "axis", 0);
    for (const std::string& name : {"go" + id, "y" + id}) g->add_output()->set_name(name);
  }
  EXPECT_EQ(infer_and_fold(parse_onnx(as_bytes(m.SerializeAsString())).graph).nodes.size(), 2u);
}

}  // namespace
}  // namespace dunlin
