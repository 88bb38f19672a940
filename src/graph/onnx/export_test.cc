#include "graph/onnx/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/testing/temporary_folder.h"
#include "graph/onnx/import.h"
#include "graph/onnx/onnx.pb.h"

namespace dunlin {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const char* const kTestData = "/usr/share/libonnx-testdata/data";

Node make_node(std::string op, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
  Node node;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

/// y = Relu(x * w), w f32[2]
Model small_model() {
  Model m;
  m.ir_version = 8;
  Graph& g = m.graph;
  g.name = "g";
  g.opsets[""] = 17;
  g.symbols = {"N"};
  const ValueId x = g.add_value("x", {.format = format_of<float>(), .shape = Shape{-2, 2}});
  const ValueId w =
      g.add_initializer("w", std::make_shared<const Tensor>(Tensor::of<float>({2}, {1.0f, -2.0f})));
  const ValueId t = g.add_value("t");
  const ValueId y = g.add_value("y", {.format = format_of<float>(), .shape = Shape{-2, 2}});
  g.inputs = {x};
  g.outputs = {y};
  g.nodes = {make_node("Mul", {x, w}, {t}), make_node("Relu", {t}, {y})};
  g.nodes[0].name = "n";
  return m;
}

ErrorCode export_error(const Model& m, const std::string& words) {
  try {
    serialize_onnx(m);
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr(words));
    return e.code();
  }
  return ErrorCode::kInternal;
}

// Every byte by hand, as the protobuf encoding and the standard's field numbers give it.
TEST(OnnxExport, GoldenBytes) {
  // clang-format off
  const char* const expected =
      "0808"                                        // ir_version: 8
      "3a63"                                        // graph: 99 bytes
      "0a11" "0a0178" "0a0177" "120174"             //   node: inputs x, w; output t
             "1a016e" "22034d756c"                  //         name n, op Mul
      "0a0c" "0a0174" "120179" "220452656c75"       //   node: Relu(t) -> y
      "120167"                                      //   name: g
      "2a11" "0802" "1001" "420177"                 //   initializer: dims 2, FLOAT, name w
             "4a08" "0000803f" "000000c0"           //                raw_data 1, -2
      "5a14" "0a0178" "120f" "0a0d" "0801"          //   input: name x, tensor_type FLOAT
             "1209" "0a03" "12014e" "0a02" "0802"   //          shape: dim_param N, dim_value 2
      "6214" "0a0179" "120f" "0a0d" "0801"          //   output: name y, the same type
             "1209" "0a03" "12014e" "0a02" "0802"
      "4204" "0a00" "1011";                         // opset_import: domain "", version 17
  // clang-format on
  const Bytes bytes = serialize_onnx(small_model());
  EXPECT_EQ(to_hex(bytes), expected);
  EXPECT_EQ(serialize_onnx(parse_onnx(bytes)), bytes);
}

/// Everything that export must keep, as text.
class Dump {
 public:
  static std::string of(const Model& m) {
    std::string s =
        fmt::format("{} {} {} {} {} {}\n", m.producer_name, m.producer_version, m.domain, m.model_version,
                    m.doc_string, std::max<int64_t>(m.ir_version, m.functions.empty() ? 4 : 8));
    for (const auto& [k, v] : m.metadata) s += k + "=" + v + "\n";
    for (const Function& f : m.functions) {
      s += "function " + f.domain + "." + f.name + "(";
      for (const std::string& a : f.attributes) s += a + " ";
      s += attributes(f.defaults) + ")\n" + graph(f.body);
    }
    return s + graph(m.graph);
  }

 private:
  static std::string tensor(const Tensor& t) {
    return std::string(t.format()->name) + to_string(t.shape()) + to_hex(t.plane(Plane::kPayload));
  }
  static std::string attributes(const Attributes& list) {
    std::string s;
    for (const auto& [name, value] : list) {
      s += " " + name + "=";
      if (const auto* i = std::get_if<int64_t>(&value)) s += fmt::format("{}", *i);
      if (const auto* f = std::get_if<float>(&value)) s += fmt::format("{}f", *f);
      if (const auto* text = std::get_if<std::string>(&value)) s += "'" + *text + "'";
      if (const auto* t = std::get_if<TensorPtr>(&value)) s += tensor(**t);
      if (const auto* g = std::get_if<GraphPtr>(&value)) s += "{" + graph(**g) + "}";
      if (const auto* l = std::get_if<std::vector<int64_t>>(&value))
        s += fmt::format("i[{}]", fmt::join(*l, ","));
      if (const auto* l = std::get_if<std::vector<float>>(&value))
        s += fmt::format("f[{}]", fmt::join(*l, ","));
      if (const auto* l = std::get_if<std::vector<std::string>>(&value))
        s += fmt::format("s[{}]", fmt::join(*l, ","));
      if (const auto* t = std::get_if<Type>(&value)) s += to_string(*t);
      if (const auto* r = std::get_if<AttributeRef>(&value))
        s += fmt::format("@{}:{}", r->name, r->onnx_type);
    }
    return s;
  }
  static std::string type(const Graph& g, const Type& t) {
    std::string s = fmt::format("{}{}:{}", static_cast<int>(t.kind), t.optional ? "?" : "",
                                t.format ? t.format->name : "?");
    if (!t.shape) return s;
    for (int64_t d : *t.shape)
      s += d < kUnknownDim ? "," + g.symbols.at(static_cast<size_t>(-2 - d)) : "," + std::to_string(d);
    return s;
  }
  static std::string value(const Graph& g, ValueId v) {
    return v == kNoValue ? "_" : g.value_name(v) + "<" + type(g, g.type(v)) + ">";
  }
  static std::string graph(const Graph& g) {
    std::string s = "graph " + (g.name.empty() ? "graph" : g.name) + " " + g.doc_string + "\n";
    for (const auto& [domain, version] : g.opsets) s += fmt::format("opset {} {}\n", domain, version);
    for (ValueId v : g.inputs) s += "in " + value(g, v) + "\n";
    for (ValueId v : g.outputs) s += "out " + value(g, v) + "\n";
    for (ValueId v : g.captured) s += "captured " + g.value_name(v) + "\n";
    std::map<std::string, std::string> tensors;
    for (const auto& [v, t] : g.initializers) tensors[value(g, v)] = tensor(*t);
    for (const auto& [name, text] : tensors) s += name + " = " + text + "\n";
    for (const Node& node : g.nodes) {
      s += fmt::format("{}.{} '{}' {} (", node.domain, node.op, node.name, node.doc_string) +
           attributes(node.attributes);
      for (ValueId v : node.inputs) s += " " + value(g, v);
      s += " ->";
      for (ValueId v : node.outputs) s += " " + value(g, v);
      s += ")\n";
    }
    return s;
  }
};

TEST(OnnxExport, RoundTripOfOnnxTestData) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kTestData)) {
    if (entry.path().extension() != ".onnx") continue;
    Model model;
    try {
      model = load_onnx(entry.path());
    } catch (const Error& e) {
      continue;  // unsupported: counted by the import's own test
    }
    const Bytes bytes = serialize_onnx(model);
    const Model again = parse_onnx(bytes);
    ASSERT_EQ(Dump::of(model), Dump::of(again)) << entry.path();
    ASSERT_EQ(serialize_onnx(again), bytes) << entry.path();
    ++count;
  }
  EXPECT_GT(count, 1000);
}

TEST(OnnxExport, ExternalDataIsAlignedMappedAndNamedByContent) {
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
  Model m = small_model();
  m.graph.add_initializer("big", std::make_shared<const Tensor>(Tensor(format_of<float>(), {2000})));
  m.graph.add_initializer("half", std::make_shared<const Tensor>(Tensor(format_of<Half>(), {33, 17})));
  save_onnx(m, dir + "/m.onnx", {.external_threshold_bytes = 1000, .alignment_bytes = 65536});
  const std::vector<std::string> names = system_files().list(dir);
  ASSERT_EQ(names.size(), 2u);
  EXPECT_THAT(names[0], testing::MatchesRegex("m-[0-9a-f]{16}\\.data"));
  EXPECT_EQ(names[1], "m.onnx");
  EXPECT_EQ(system_files().size(dir + "/" + names[0]), 65536u + 33 * 17 * 2);
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(std::string(as_chars(system_files().read(dir + "/m.onnx")))));
  EXPECT_EQ(proto.graph().initializer(0).data_location(), onnx::TensorProto::DEFAULT);
  EXPECT_EQ(proto.graph().initializer(2).external_data(1).key(), "offset");
  EXPECT_EQ(proto.graph().initializer(2).external_data(1).value(), "65536");
  EXPECT_EQ(Dump::of(load_onnx(dir + "/m.onnx")), Dump::of(m));

  // The model may be overwritten while its own tensors are still mapped from the old file.
  Model mapped = load_onnx(dir + "/m.onnx");
  save_onnx(mapped, dir + "/m.onnx", {.external_threshold_bytes = 1000});
  EXPECT_EQ(Dump::of(load_onnx(dir + "/m.onnx")), Dump::of(m));
  save_onnx(mapped, dir + "/m.onnx");
  EXPECT_EQ(Dump::of(load_onnx(dir + "/m.onnx")), Dump::of(m));
}

TEST(OnnxExport, RefusesWhatOthersCouldNotRead) {
  Model m = small_model();
  m.graph.nodes[0].domain = kDunlinDomain;
  EXPECT_EQ(export_error(m, "dunlin.Mul \"n\""), ErrorCode::kUnsupported);
  m = small_model();
  m.graph.nodes[0].opset = 21;
  EXPECT_EQ(export_error(m, "Mul \"n\": written in opset 21, its graph in 17"), ErrorCode::kUnsupported);
  m = small_model();
  m.graph.values[2].name = "x";
  EXPECT_EQ(export_error(m, "\"x\""), ErrorCode::kInvalidArgument);
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
  m = small_model();
  m.graph.nodes[1].domain = kDunlinDomain;
  EXPECT_THROW(save_onnx(m, dir + "/m.onnx", {.external_threshold_bytes = 1}), Error);
  EXPECT_TRUE(fs::is_empty(dir));
  EXPECT_THROW(save_onnx(small_model(), dir + "/missing/m.onnx"), Error);
}

}  // namespace
}  // namespace dunlin
