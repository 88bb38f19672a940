// Models that are broken, absurd or malicious, given to every command that takes one: each answers or refuses with a
// sentence that names the matter, within little memory and time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file_system.h"
#include "base/testing/temporary_folder.h"
#include "graph/onnx/testing.h"
#include "tensor/npy.h"
#include "test_command.h"

namespace dunlin::cli {
namespace {

using onnx::add_graph;
using onnx::add_node;
using onnx::add_tensor;
using onnx::add_value;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::small_proto;
using ::testing::HasSubstr;

constexpr int kF32 = 1, kI64 = 7;
constexpr int64_t kHuge = int64_t{1} << 62;

GraphProto& graph(ModelProto& m) { return *m.mutable_graph(); }
NodeProto& node(ModelProto& m, int i) { return *graph(m).mutable_node(i); }

/// y = op(x, constants ...), x f32[2].
ModelProto one_node(const std::string& op, std::initializer_list<int64_t> sizes) {
  ModelProto m = small_proto();
  graph(m).clear_node();
  add_tensor<int64_t>(graph(m), "sizes", kI64, {static_cast<int64_t>(sizes.size())}, sizes);
  NodeProto& n = add_node(*graph(m).mutable_node(), op, {"x", "sizes"}, {"y"});
  n.set_name("n");
  return m;
}

struct BadModel {
  const char* name;
  const char* words;  ///< that `dunlin run` says
  void (*edit)(ModelProto&);
};

const BadModel kBadModels[] = {
    {"duplicate_names", "the name \"t\" is already taken",
     [](ModelProto& m) { node(m, 1).set_output(0, "t"); }},
    {"initializer_and_node_share_a_name", "the name \"w\" is already taken",
     [](ModelProto& m) { node(m, 1).set_output(0, "w"); }},
    {"dangling_input", "Add \"sum\": input \"nowhere\" is made by no node",
     [](ModelProto& m) { node(m, 0).set_input(1, "nowhere"); }},
    {"dangling_output", "output \"gone\" is made by no node",
     [](ModelProto& m) { graph(m).mutable_output(0)->set_name("gone"); }},
    {"cycle", "the graph has a cycle", [](ModelProto& m) { node(m, 0).set_input(1, "y"); }},
    {"wrong_types",
     "Add \"sum\": ", [](ModelProto& m) { graph(m).mutable_initializer(0)->set_data_type(6); }},
    {"wrong_attribute_type", "attribute to is not an int",
     [](ModelProto& m) {
       node(m, 1).set_op_type("Cast");
       onnx::add_ints(node(m, 1), "to", {1});
     }},
    {"negative_dimension", "has a dimension of -3",
     [](ModelProto& m) { add_value(*graph(m).mutable_input(), "z", {-3}); }},
    {"shapes_that_do_not_fit", "Add \"sum\": ",
     [](ModelProto& m) {
       graph(m)
           .mutable_input(0)
           ->mutable_type()
           ->mutable_tensor_type()
           ->mutable_shape()
           ->mutable_dim(0)
           ->set_dim_value(3);
     }},
    {"overflowing_dimensions", "more than 2^48 elements",
     [](ModelProto& m) {
       add_value(*graph(m).mutable_input(), "z", {kHuge, kHuge});
     }},
    {"two_gigabytes_in_a_kilobyte", "raw_data has 8 bytes, f32 [536870912] needs 2147483648",
     [](ModelProto& m) { graph(m).mutable_initializer(0)->set_dims(0, 1 << 29); }},
    {"opset_from_the_future", "opset 99 of ai.onnx: opsets 1 to 24 are supported",
     [](ModelProto& m) { m.mutable_opset_import(0)->set_version(99); }},
    {"file_format_from_the_future", "IR version 77", [](ModelProto& m) { m.set_ir_version(77); }},
    {"custom_domain", "com.example.Frobnicate \"sum\": the op Frobnicate (domain \"com.example\", opset 3)",
     [](ModelProto& m) {
       node(m, 0).set_domain("com.example");
       node(m, 0).set_op_type("Frobnicate");
       onnx::OperatorSetIdProto& import = *m.add_opset_import();
       import.set_domain("com.example");
       import.set_version(3);
     }},
    {"recursive_function", "call each other in a circle",
     [](ModelProto& m) {
       onnx::FunctionProto& f = *m.add_functions();
       f.set_domain("local");
       f.set_name("F");
       f.add_input("a");
       f.add_output("b");
       *f.add_opset_import() = m.opset_import(0);
       for (NodeProto* call : {&add_node(*f.mutable_node(), "F", {"a"}, {"b"}),
                               &add_node(*graph(m).mutable_node(), "F", {"x"}, {"z"})})
         call->set_domain("local");
     }},
    {"function_bomb", "functions of the model expand to more than",
     [](ModelProto& m) {
       for (int i = 0; i < 30; ++i) {
         onnx::FunctionProto& f = *m.add_functions();
         f.set_domain("local");
         f.set_name("F" + std::to_string(i));
         f.add_input("a");
         f.add_output("c");
         *f.add_opset_import() = m.opset_import(0);
         const std::string next = "F" + std::to_string(i + 1);
         for (NodeProto* call : {&add_node(*f.mutable_node(), i < 29 ? next : "Relu", {"a"}, {"b"}),
                                 &add_node(*f.mutable_node(), i < 29 ? next : "Relu", {"b"}, {"c"})})
           if (i < 29) call->set_domain("local");
       }
       add_node(*graph(m).mutable_node(), "F0", {"x"}, {"z"}).set_domain("local");
     }},
    {"deep_nesting", "nested deeper than 16",
     [](ModelProto& m) {
       GraphProto* g = &graph(m);
       for (int i = 0; i < 100; ++i)
         g = &add_graph(add_node(*g->mutable_node(), "If", {}, {}), "then_branch");
     }},
    {"invalid_utf8", "is not UTF-8", [](ModelProto& m) { node(m, 0).set_name("a\xff"); }},
    {"external_data_elsewhere", "leaves the folder",
     [](ModelProto& m) {
       onnx::TensorProto& w = *graph(m).mutable_initializer(0);
       w.clear_raw_data();
       w.set_data_location(onnx::TensorProto::EXTERNAL);
       w.add_external_data()->set_key("location");
       w.mutable_external_data(0)->set_value("../../etc/passwd");
     }},
    {"expand_bomb", "Expand \"n\": ",
     [](ModelProto& m) {
       m = one_node("Expand", {kHuge, 2});
     }},
    {"reshape_overflow", "Reshape \"n\": ",
     [](ModelProto& m) {
       m = one_node("Reshape", {kHuge, kHuge});
     }},
    {"reshape_negative", "Reshape \"n\": ",
     [](ModelProto& m) {
       m = one_node("Reshape", {-5, 2});
     }},
    {"tile_bomb", "Tile \"n\": ", [](ModelProto& m) { m = one_node("Tile", {kHuge}); }},
    {"tile_beyond_memory", "may ", [](ModelProto& m) { m = one_node("Tile", {int64_t{1} << 40}); }},
    {"pad_huge", "Pad \"n\": ",
     [](ModelProto& m) {
       m = one_node("Pad", {kHuge, kHuge});
     }},
    {"pad_negative", "Pad \"n\": ",
     [](ModelProto& m) {
       m = one_node("Pad", {INT64_MIN, INT64_MIN});
     }},
    {"resize_huge", "Resize \"n\": ",
     [](ModelProto& m) {
       m = one_node("Resize", {int64_t{1} << 50});
       NodeProto& n = node(m, 0);
       n.clear_input();
       for (const char* name : {"x", "", "", "sizes"}) n.add_input(name);
     }},
    {"one_hot_huge", "OneHot \"n\": ",
     [](ModelProto& m) {
       m = one_node("OneHot", {});
       add_tensor<int64_t>(graph(m), "depth", kI64, {}, {kHuge});
       node(m, 0).set_input(1, "depth");
       node(m, 0).add_input("w");
     }},
    {"range_of_nan", "Range \"n\": ",
     [](ModelProto& m) {
       m = one_node("Range", {});
       add_tensor<float>(graph(m), "nan", kF32, {}, {NAN});
       node(m, 0).clear_input();
       for (int i = 0; i < 3; ++i) node(m, 0).add_input("nan");
     }},
};

class BadModels : public ::testing::TestWithParam<BadModel> {
 protected:
  Outcome run(const std::vector<std::string>& arguments) const {
    const std::string out = folder_.file("stdout"), err = folder_.file("stderr");
    const int code = wait_for(start_command(arguments, out, err));
    return {code, text_of(out), text_of(err)};
  }
  std::string write(const ModelProto& m) const {
    system_files().write_atomic(folder_.file("m.onnx"), as_bytes(m.SerializeAsString()));
    return folder_.file("m.onnx");
  }
  const TemporaryFolder folder_;
};

TEST_P(BadModels, AreRefusedByEveryCommand) {
  ModelProto m = small_proto();
  GetParam().edit(m);
  const std::string path = write(m), x = folder_.file("x.npy"), table = folder_.file("t.csv");
  system_files().write_atomic(x, to_npy(Tensor::of<float>({2}, {1, 2})));
  system_files().write_atomic(table, as_bytes("a,b,kind\n1,2,p\n3,4,q\n"));
  const Outcome ran = run({"run", path, "--input", "x=" + x, "--output", folder_.file("out")});
  EXPECT_EQ(ran.exit_code, 1) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr(GetParam().words));
  for (const std::vector<std::string>& other : std::vector<std::vector<std::string>>{
           {"inspect", path},
           {"explain", path},
           {"train", path, "--data", table + "#label=kind", "--out", folder_.file("trained.onnx")}}) {
    const Outcome r = run(other);
    EXPECT_LE(r.exit_code, 1) << other[0] << ": " << r.err;
    EXPECT_EQ(r.err.find("internal error"), std::string::npos) << r.err;
    if (other[0] == "train") EXPECT_EQ(r.exit_code, 1) << r.out;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadModels, ::testing::ValuesIn(kBadModels),
                         [](const auto& p) { return std::string(p.param.name); });

using RunLimits = BadModels;

/// y = op(n), n i64[1] or a scalar: sizes that only the run knows.
ModelProto sized_by_input(const std::string& op) {
  ModelProto m = small_proto();
  graph(m).Clear();
  graph(m).set_name("g");
  add_value(*graph(m).mutable_input(), "n", {1}, kI64);
  add_node(*graph(m).mutable_node(), op, {"n"}, {"y"}).set_name("op");
  graph(m).add_output()->set_name("y");
  return m;
}

TEST_F(RunLimits, MemoryAndTimeAreWhatTheUserSays) {
  const std::string n = folder_.file("n.npy"), out = folder_.file("out");
  const auto outcome = [&](const ModelProto& m, int64_t value, const std::vector<std::string>& limits) {
    system_files().write_atomic(n, to_npy(Tensor::of<int64_t>({1}, {value})));
    std::vector<std::string> words{"run", write(m), "--input", "n=" + n, "--output", out};
    words.insert(words.end(), limits.begin(), limits.end());
    return run(words);
  };
  const ModelProto fill = sized_by_input("ConstantOfShape");
  EXPECT_EQ(outcome(fill, 1000, {"--max-memory", "1MB"}).exit_code, 0);
  EXPECT_THAT(outcome(fill, 1'000'000, {"--max-memory", "1MB"}).err,
              HasSubstr("ConstantOfShape \"op\": its output f32[1000000] takes 4000000 bytes, "));
  EXPECT_THAT(outcome(fill, int64_t{1} << 45, {}).err, HasSubstr("ConstantOfShape \"op\": "));

  ModelProto heavy = fill;
  heavy.mutable_graph()->add_initializer()->set_name("weights");
  onnx::TensorProto& weights = *heavy.mutable_graph()->mutable_initializer(0);
  weights.set_data_type(kF32);
  weights.add_dims(500'000);
  weights.set_raw_data(std::string(2'000'000, '\0'));
  EXPECT_THAT(outcome(heavy, 1000, {"--max-memory", "1MB"}).err, HasSubstr("--max-memory"));
  EXPECT_EQ(outcome(heavy, 1000, {"--max-memory", "8MB"}).exit_code, 0);

  ModelProto loop = sized_by_input("Loop");
  add_tensor<bool>(graph(loop), "yes", 9, {}, {true});
  node(loop, 0).add_input("yes");
  GraphProto& body = add_graph(node(loop, 0), "body");
  add_value(*body.mutable_input(), "i", {}, kI64);
  add_value(*body.mutable_input(), "going", {}, 9);
  add_node(*body.mutable_node(), "Neg", {"i"}, {"minus"});
  for (const char* name : {"going", "minus"}) body.add_output()->set_name(name);
  EXPECT_EQ(outcome(loop, 10, {"--max-iterations", "10"}).exit_code, 0);
  EXPECT_THAT(outcome(loop, kHuge, {"--max-iterations", "10"}).err, HasSubstr("took the 10 iterations"));
  EXPECT_THAT(outcome(loop, kHuge, {"--max-iterations", "1000000000", "--max-seconds", "0.1"}).err,
              HasSubstr("the run has taken the 0.1 seconds that it may"));
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--max-memory", "much"},
                                             {"--max-memory", "-1"},
                                             {"--max-memory", "0"},
                                             {"--max-iterations", "-1"},
                                             {"--max-iterations", "18446744073709551616"},
                                             {"--max-seconds", "0"},
                                             {"--max-seconds", "nan"}})
    EXPECT_EQ(outcome(fill, 1, wrong).exit_code, 2) << wrong[0] << " " << wrong[1];
}

/// No output's file replaces another's, and no name passes for lines of the report.
TEST_F(RunLimits, EachOutputHasAFileOfItsOwn) {
  const std::string names[] = {"head/box",
                               "head_box",
                               "head:box",
                               "head_box_2",
                               "\xe8\xbe\x93/\xe5\x87\xba",
                               "\xe5\x88\x86/\xe7\xb1\xbb",
                               std::string(300, 'a'),
                               std::string(301, 'a'),
                               "forged\ny  f32[2]  out/y.npy"};
  ModelProto m = onnx::empty_proto();
  add_value(*graph(m).mutable_input(), "x", {2});
  for (const std::string& name : names) {
    add_node(*graph(m).mutable_node(), "Neg", {"x"}, {name.c_str()});
    graph(m).add_output()->set_name(name);
  }
  system_files().write_atomic(folder_.file("x.npy"), to_npy(Tensor::of<float>({2}, {1, 2})));
  const Outcome r =
      run({"run", write(m), "--input", "x=" + folder_.file("x.npy"), "--output", folder_.file("out")});
  ASSERT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(std::ranges::count(r.out, '\n'), std::ssize(names));
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file("out")))
    files.insert(entry.path().filename());
  EXPECT_EQ(files.size(), std::size(names));
  for (const char* name : {"head_box.npy", "head_box_2.npy", "head_box_3.npy", "head_box_2_2.npy"})
    EXPECT_TRUE(files.contains(name)) << name;
}

}  // namespace
}  // namespace dunlin::cli
