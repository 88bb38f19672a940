// Files that are broken, absurd or malicious: each is refused with its reason, none costs memory or leaves
// the folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "base/error.h"
#include "base/file_system.h"
#include "base/random.h"
#include "base/testing/soak.h"
#include "base/testing/temporary_folder.h"
#include "graph/infer.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensors.h"
#include "graph/onnx/testing.h"
#include "graph/passes/inline_functions.h"
#include "graph/support.h"

namespace dunlin {
namespace {

namespace fs = std::filesystem;
using onnx::add_node;
using onnx::add_value;
using onnx::ModelProto;
using onnx::small_proto;
using testing::HasSubstr;

void expect_refused(const std::string& bytes, ErrorCode code, const std::string& words,
                    const ImportOptions& options = {}) {
  try {
    parse_onnx(as_bytes(bytes), options);
    ADD_FAILURE() << "accepted; expected: " << words;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), HasSubstr(words));
    EXPECT_THAT(e.what(), testing::StartsWith(options.origin + ": "));
  }
}

void expect_refused(const ModelProto& proto, ErrorCode code, const std::string& words,
                    const ImportOptions& options = {}) {
  expect_refused(proto.SerializeAsString(), code, words, options);
}

template <std::invocable<ModelProto&> Edit>
void expect_refused(const Edit& edit, ErrorCode code, const std::string& words,
                    const ImportOptions& options = {}) {
  ModelProto proto = small_proto();
  edit(proto);
  expect_refused(proto, code, words, options);
}

TEST(HostileOnnx, EveryTruncationIsCorrupt) {
  const std::string file = small_proto().SerializeAsString();
  EXPECT_EQ(parse_onnx(as_bytes(file)).graph.nodes.size(), 2u);
  for (size_t size = 0; size < file.size(); ++size) {
    try {
      parse_onnx(as_bytes(file).first(size), {.origin = "dir/m.onnx", .folder = {}, .limits = {}});
      ADD_FAILURE() << size;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kCorrupt) << size << ": " << e.what();
      EXPECT_THAT(e.what(), HasSubstr("dir/m.onnx: "));
    }
  }
}

/// Up to `count` models of ONNX's own tests, spread over all of them.
std::vector<std::string> some_models(size_t count) {
  std::vector<std::string> all, some;
  for (const auto& entry : fs::recursive_directory_iterator("/usr/share/libonnx-testdata/data"))
    if (entry.path().extension() == ".onnx" && entry.file_size() < 100'000) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < count && !all.empty(); ++i) some.push_back(all[i * all.size() / count]);
  return some;
}

// Whatever a file holds, the answer is a model or an Error: no other exception, no crash (run under ASan and
// UBSan). What is read goes on to type inference, which sees every absurdity that the format itself allows.
TEST(HostileOnnx, MutatedFilesNeverCrash) {
  Philox random(7, 1);
  int accepted = 0, inferred = 0, refused = 0;
  for (const std::string& name : some_models(250)) {
    const Bytes good = system_files().read(name);
    for (int i = 0; i < 16 * soak_factor(); ++i) {
      Bytes bad = good;
      const uint64_t edits = 1 + random.below(2);
      for (uint64_t k = 0; k < edits; ++k)
        bad[random.below(bad.size())] = static_cast<std::byte>(random.below(256));
      try {
        const Model model = parse_onnx(bad, {.origin = name, .folder = "/nonexistent", .limits = {}});
        ++accepted;
        InferOptions options;
        options.folding.max_bytes = 1 << 20;
        const Graph g = inline_functions(model);
        check_supported(g);
        infer_and_fold(g, options);
        ++inferred;
      } catch (const Error& e) {
        EXPECT_NE(e.code(), ErrorCode::kInternal) << name << ": " << e.what();
        ++refused;
      } catch (const std::exception& e) {
        ADD_FAILURE() << name << ", draw " << i << ": " << e.what();
      }
    }
  }
  EXPECT_GT(accepted, 600);
  EXPECT_GT(inferred, 400);
  EXPECT_GT(refused, 1000);
}

TEST(HostileOnnx, NotOnnx) {
  EXPECT_THROW(parse_onnx(as_bytes("")), Error);
  EXPECT_THROW(parse_onnx(as_bytes("PK\x03\x04 this is a zip file")), Error);
  EXPECT_THROW(load_onnx("/nonexistent/m.onnx"), Error);
  EXPECT_THROW(load_onnx("/"), Error);
  expect_refused([](ModelProto& m) { m.clear_graph(); }, ErrorCode::kCorrupt, "it has no graph");
  expect_refused([](ModelProto& m) { m.clear_ir_version(); }, ErrorCode::kCorrupt, "it has no ir_version");
}

TEST(HostileOnnx, VersionsFromTheFuture) {
  expect_refused([](ModelProto& m) { m.mutable_opset_import(0)->set_version(25); }, ErrorCode::kUnsupported,
                 "opset 25 of ai.onnx: opsets 1 to 24 are supported");
  expect_refused([](ModelProto& m) { m.mutable_opset_import(0)->set_version(-1); }, ErrorCode::kUnsupported,
                 "opset -1");
  expect_refused([](ModelProto& m) { m.clear_opset_import(); }, ErrorCode::kCorrupt, "imports no opset");
  expect_refused([](ModelProto& m) { m.set_ir_version(99); }, ErrorCode::kUnsupported, "IR version 99");
  expect_refused([](ModelProto& m) { m.add_opset_import()->set_version(9); }, ErrorCode::kCorrupt,
                 "17 and 9");
}

TEST(HostileOnnx, AbsurdDimensions) {
  const auto dims = [](std::initializer_list<int64_t> list) {
    return [list = std::vector<int64_t>(list)](ModelProto& m) {
      auto& w = *m.mutable_graph()->mutable_initializer(0);
      w.clear_dims();
      for (int64_t d : list) w.add_dims(d);
    };
  };
  expect_refused(dims({-2}), ErrorCode::kCorrupt, "initializer \"w\": has a dimension of -2");
  expect_refused(dims({3}), ErrorCode::kCorrupt, "initializer \"w\": raw_data has 8 bytes, f32 [3] needs 12");
  expect_refused(dims({1LL << 40}), ErrorCode::kResourceExhausted, "initializer \"w\"");
  expect_refused(dims({1LL << 62, 1LL << 62}), ErrorCode::kResourceExhausted, "initializer \"w\"");
  expect_refused(dims({INT64_MAX}), ErrorCode::kResourceExhausted, "initializer \"w\"");
  expect_refused(
      [](ModelProto& m) {
        for (int i = 0; i < 99; ++i) m.mutable_graph()->mutable_initializer(0)->add_dims(1);
      },
      ErrorCode::kResourceExhausted, "100 dimensions");
  expect_refused(
      [](ModelProto& m) {
        add_value(*m.mutable_graph()->mutable_input(), "z", {2, -7});
      },
      ErrorCode::kCorrupt, "input \"z\": has a dimension of -7");
  expect_refused(
      [](ModelProto& m) {
        add_value(*m.mutable_graph()->mutable_input(), "z", {1LL << 30, 1LL << 30});
      },
      ErrorCode::kResourceExhausted, "input \"z\"");
  expect_refused(
      [](ModelProto& m) {
        auto& w = *m.mutable_graph()->mutable_initializer(0);
        w.clear_raw_data();
        w.add_float_data(1);
      },
      ErrorCode::kCorrupt, "float_data has 1 elements, its dimensions [2] need 2");
  expect_refused([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->clear_raw_data(); },
                 ErrorCode::kCorrupt, "float_data has 0 elements");
}

TEST(HostileOnnx, BrokenGraphs) {
  const auto nodes = [](ModelProto & m) -> auto& { return *m.mutable_graph()->mutable_node(); };
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(0)->set_input(1, "nowhere"); }, ErrorCode::kCorrupt,
                 "Add \"sum\": input \"nowhere\" is made by no node");
  expect_refused([&](ModelProto& m) { m.mutable_graph()->mutable_output(0)->set_name("gone"); },
                 ErrorCode::kCorrupt, "output \"gone\" is made by no node");
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(0)->set_input(1, "y"); }, ErrorCode::kCorrupt,
                 "the graph has a cycle: Add \"sum\" -> Relu \"y\" -> Add \"sum\"");
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(0)->set_input(0, "t"); }, ErrorCode::kCorrupt,
                 "the graph has a cycle: Add \"sum\" -> Add \"sum\"");
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(1)->set_output(0, "t"); }, ErrorCode::kCorrupt,
                 "the name \"t\" is already taken");
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(1)->set_output(0, "w"); }, ErrorCode::kCorrupt,
                 "the name \"w\" is already taken");
  expect_refused([&](ModelProto& m) { *m.mutable_graph()->add_initializer() = m.graph().initializer(0); },
                 ErrorCode::kCorrupt, "initializer \"w\": the name \"w\" is already taken");
  expect_refused([&](ModelProto& m) { *m.mutable_graph()->add_input() = m.graph().input(0); },
                 ErrorCode::kCorrupt, "input \"x\" is listed twice");
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(0)->clear_op_type(); }, ErrorCode::kCorrupt,
                 "has no op");
  expect_refused([&](ModelProto& m) { nodes(m).Mutable(0)->set_domain("dunlin"); }, ErrorCode::kUnsupported,
                 "never stands in a file");
  expect_refused(
      [&](ModelProto& m) {
        for (int i = 0; i < 2; ++i) {
          auto& a = *nodes(m).Mutable(0)->add_attribute();
          a.set_name("axis");
          a.set_type(onnx::AttributeProto::INT);
        }
      },
      ErrorCode::kCorrupt, "Add \"sum\": attribute axis is given twice");
}

// Looking for a cycle once took time in the square of its length: hours here.
TEST(HostileOnnx, ALongCycleIsFound) {
  constexpr int kNodes = 300'000;
  ModelProto m = small_proto();
  for (int i = 0; i < kNodes; ++i)
    add_node(*m.mutable_graph()->mutable_node(), "Relu", {fmt::format("v{}", (i + 1) % kNodes).c_str()},
             {fmt::format("v{}", i).c_str()});
  expect_refused(m, ErrorCode::kCorrupt, "(299991 more)");
}

TEST(HostileOnnx, TypesThatAreNotSupportedAreNamed) {
  constexpr std::pair<int, const char*> kTypes[] = {
      {14, "COMPLEX64"}, {15, "COMPLEX128"}, {26, "INT2"}, {99, "number 99"}, {-1, "number -1"}};
  for (const auto& [type, name] : kTypes) {
    expect_refused([t = type](ModelProto& m) { add_value(*m.mutable_graph()->mutable_input(), "z", {2}, t); },
                   ErrorCode::kUnsupported,
                   fmt::format("input \"z\": elements of type {} are not supported", name));
    expect_refused([t = type](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_data_type(t); },
                   ErrorCode::kUnsupported,
                   fmt::format("initializer \"w\": elements of type {} are not supported", name));
  }
  expect_refused([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_data_type(8); },
                 ErrorCode::kCorrupt, "initializer \"w\": strings stand in string_data, not in raw_data");
  expect_refused(
      [](ModelProto& m) { m.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("s"); },
      ErrorCode::kUnsupported, "sparse initializer \"s\"");
  expect_refused(
      [](ModelProto& m) {
        auto& a = *m.mutable_graph()->mutable_node(0)->add_attribute();
        a.set_name("type");
        a.set_type(onnx::AttributeProto::TYPE_PROTOS);
      },
      ErrorCode::kUnsupported,
      "Add \"sum\": attribute type: attributes of type TYPE_PROTOS are not supported");
}

TEST(HostileOnnx, NamesAreUtf8) {
  const auto named = [](const std::string& name) {
    return [name](ModelProto& m) { m.mutable_graph()->mutable_node(0)->set_name(name); };
  };
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xa6", "\xf4\x8f\xbf\xbf"}) {
    ModelProto m = small_proto();
    named(good)(m);
    EXPECT_EQ(parse_onnx(as_bytes(m.SerializeAsString())).graph.nodes[0].name, good);
  }
  for (const char* bad : {"\xff", "a\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xe2\x82", "\xf8\x88\x80\x80\x80"})
    expect_refused(named(bad), ErrorCode::kCorrupt, "is not UTF-8");
}

TEST(HostileOnnx, LimitsAreKept) {
  ImportOptions options;
  options.limits.max_file_bytes = 10;
  expect_refused(small_proto(), ErrorCode::kResourceExhausted, "more than the limit of 10", options);
  options.limits = {};
  options.limits.max_tensor_bytes = 7;
  expect_refused(small_proto(), ErrorCode::kResourceExhausted, "all tensors together may have 7", options);
  options.limits = {};
  options.limits.max_messages = 10;
  expect_refused(small_proto(), ErrorCode::kResourceExhausted, "more than 10 nodes", options);
  options.limits = {};
  options.limits.max_model_bytes = 1000;
  expect_refused(small_proto(), ErrorCode::kResourceExhausted, "1000 may be used (SessionOptions::max_bytes",
                 options);
  // A byte in the file, eight in memory.
  ModelProto numbers = small_proto();
  onnx::TensorProto& many = *numbers.mutable_graph()->add_initializer();
  many.set_name("many");
  many.set_data_type(7);
  many.add_dims(100'000);
  for (int i = 0; i < 100'000; ++i) many.add_int64_data(1);
  options.limits.max_model_bytes = 200'000;
  expect_refused(numbers, ErrorCode::kResourceExhausted, "200000 may be used", options);
  options.limits.max_model_bytes = 4'000'000;
  EXPECT_NO_THROW(parse_onnx(as_bytes(numbers.SerializeAsString()), options));
  options.limits = {};
  options.limits.max_depth = -1;
  expect_refused(small_proto(), ErrorCode::kInvalidArgument, "ModelLimits::max_depth is -1", options);
  options.limits.max_depth = INT_MAX;
  expect_refused(small_proto(), ErrorCode::kInvalidArgument, "0 to 64 is expected", options);
  options.limits = {};
  options.limits.max_name_bytes = 100;
  expect_refused([](ModelProto& m) { m.mutable_graph()->mutable_node(0)->set_name(std::string(101, 'n')); },
                 ErrorCode::kResourceExhausted, "a node name of 101 bytes", options);
  // Two bytes a message in the file, hundreds in memory.
  ModelProto bomb = small_proto();
  for (int i = 0; i < 100'000; ++i) bomb.mutable_graph()->add_node();
  options.limits = {};
  options.limits.max_messages = 50'000;
  expect_refused(bomb, ErrorCode::kResourceExhausted, "more than 50000 nodes", options);
  options.limits = {};
  options.limits.max_nodes = 3;
  ModelProto inner = small_proto();
  add_node(*onnx::add_graph(*inner.mutable_graph()->mutable_node(0), "body").mutable_node(), "Relu", {}, {});
  add_node(*inner.add_functions()->mutable_node(), "Relu", {}, {});
  expect_refused(inner, ErrorCode::kResourceExhausted, "more than 3 nodes", options);
  // A graph in a graph in a graph ...
  for (const int depth : {15, 17, 40, 1000}) {
    ModelProto deep = small_proto();
    onnx::GraphProto* g = deep.mutable_graph();
    for (int i = 0; i < depth; ++i) {
      auto& a = *add_node(*g->mutable_node(), "If", {}, {}).add_attribute();
      a.set_name("then_branch");
      a.set_type(onnx::AttributeProto::GRAPH);
      g = a.mutable_g();
    }
    if (depth <= 16)
      EXPECT_NO_THROW(parse_onnx(as_bytes(deep.SerializeAsString())));
    else
      expect_refused(deep, ErrorCode::kResourceExhausted, "nested deeper than 16");
  }
}

/// On the wire: a message, a string or packed numbers.
std::string field(int number, const std::string& content) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  size_t size = content.size();
  for (; size > 0x7f; size >>= 7) out += static_cast<char>((size & 0x7f) | 0x80);
  return out + static_cast<char>(size) + content;
}

std::string repeated(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

// Each takes some 100000 bytes of the file, many times that in memory.
TEST(HostileOnnx, SmallMessagesThatMultiplyAreCounted) {
  constexpr int kMany = 50'000;
  const std::string small = small_proto().SerializeAsString(), empty("\0", 1);
  const auto in_graph = [&](int number, const std::string& content) {
    return small + field(7, field(number, content));  // the parts of a message add up
  };
  const auto in_node = [&](int number, const std::string& content) {
    return in_graph(1, field(5, field(number, content)));
  };
  const std::string shape = field(1, field(2, repeated(kMany, field(1, ""))));
  const std::string entries = repeated(kMany, field(13, ""));
  ImportOptions options;
  options.limits.max_messages = 20'000;
  for (const std::string& bytes :
       {in_node(14, shape), in_graph(11, field(2, shape)), in_node(5, entries), in_graph(5, entries),
        in_graph(15, field(1, entries)), in_graph(15, field(2, entries))})
    expect_refused(bytes, ErrorCode::kResourceExhausted, "more than 20000 nodes", options);
  options.limits = {};
  options.limits.max_model_bytes = 1'000'000;
  const std::string dims = field(1, repeated(2 * kMany, empty));
  for (const std::string& bytes :
       {in_graph(5, dims), in_node(5, dims), in_graph(15, field(1, dims)), in_graph(15, field(2, dims)),
        in_graph(15, field(3, repeated(2 * kMany, empty)))})
    expect_refused(bytes, ErrorCode::kResourceExhausted, "1000000 may be used (SessionOptions::max_bytes",
                   options);
}

TEST(HostileOnnx, FilesOfValuesHoldSoManyMessages) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/value.pb";
  const std::string tensors = repeated(8'000'001, field(3, ""));
  const auto expect = [&](const std::string& bytes, const Type& type) {
    system_files().write_atomic(path, as_bytes(bytes));
    try {
      onnx::load_value_file(path, type);
      ADD_FAILURE() << "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kResourceExhausted) << e.what();
      EXPECT_THAT(e.what(), testing::AllOf(testing::StartsWith(path), HasSubstr("more than 8000000")));
    }
  };
  Type type{.kind = Type::Kind::kSequence, .format = &formats::kF32};
  expect(tensors, type);
  type.optional = true;
  expect(field(5, tensors), type);
  expect(repeated(8'000'001, field(13, "")), {.format = &formats::kF32});
}

class ExternalData : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ + "/model/sub");
    system_files().write_atomic(dir_ + "/secret", as_bytes("12345678"));
    system_files().write_atomic(dir_ + "/model/w.bin",
                                as_bytes(std::string_view("\0\0\x80\x3f\0\0\0\xc0\0", 9)));
    system_files().write_atomic(dir_ + "/model/sub/w.bin",
                                as_bytes(std::string_view("\0\0\x80\x3f\0\0\0\xc0", 8)));
    fs::create_symlink(dir_ + "/secret", dir_ + "/model/link.bin");
    fs::create_symlink(dir_, dir_ + "/model/up");
    options_.folder = dir_ + "/model";
  }

  static ModelProto external(std::initializer_list<std::pair<const char*, const char*>> entries) {
    ModelProto m = small_proto();
    auto& w = *m.mutable_graph()->mutable_initializer(0);
    w.clear_raw_data();
    w.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : entries) {
      w.add_external_data()->set_key(key);
      w.mutable_external_data(w.external_data_size() - 1)->set_value(value);
    }
    return m;
  }

  const TemporaryFolder folder_;
  const std::string& dir_ = folder_.path();
  ImportOptions options_;
};

TEST_F(ExternalData, IsReadWhereItMayBe) {
  for (const ModelProto& m :
       {external({{"location", "w.bin"}}), external({{"location", "sub/w.bin"}, {"length", "8"}}),
        external({{"location", "./w.bin"}, {"offset", "0"}, {"checksum", "?"}})}) {
    const Model model = parse_onnx(as_bytes(m.SerializeAsString()), options_);
    const Tensor& w = *model.graph.initializer(model.graph.find("w"));
    EXPECT_EQ(w.values<float>()[0], 1.0f);
    EXPECT_EQ(w.values<float>()[1], -2.0f);
  }
  // Not aligned: copied.
  ModelProto m = external({{"location", "w.bin"}, {"offset", "5"}});
  m.mutable_graph()->mutable_initializer(0)->set_dims(0, 1);
  const Model model = parse_onnx(as_bytes(m.SerializeAsString()), options_);
  EXPECT_EQ(model.graph.initializer(model.graph.find("w"))->values<float>()[0],
            std::bit_cast<float>(0x00c00000));
}

TEST_F(ExternalData, CountsAsMemoryOfTheModel) {
  const int64_t size = 1'000'000;
  system_files().write_atomic(dir_ + "/model/big.bin", Bytes(size));
  ModelProto m = external({{"location", "big.bin"}});
  m.mutable_graph()->mutable_initializer(0)->set_dims(0, size / 4);
  options_.limits.max_model_bytes = size;
  expect_refused(m, ErrorCode::kResourceExhausted, "1000000 may be used", options_);
  options_.limits.max_model_bytes = size + 100'000;
  EXPECT_NO_THROW(parse_onnx(as_bytes(m.SerializeAsString()), options_));
}

TEST_F(ExternalData, NeverLeavesTheFolder) {
  for (const char* location :
       {"../secret", "sub/../../secret", "up/secret", "link.bin", "/etc/passwd", "", "sub/"})
    expect_refused(external({{"location", location}}), ErrorCode::kPermissionDenied,
                   "initializer \"w\": external data", options_);
  expect_refused(external({{"location", (dir_ + "/secret").c_str()}}), ErrorCode::kPermissionDenied,
                 "external data", options_);
  expect_refused(external({}), ErrorCode::kPermissionDenied, "external data", options_);
  expect_refused(external({{"location", "missing.bin"}}), ErrorCode::kNotFound, "missing.bin", options_);
  expect_refused(external({{"location", "sub"}}), ErrorCode::kIo, "is a folder", options_);
  expect_refused(external({{"location", "w.bin"}}), ErrorCode::kInvalidArgument, "came without a folder");
}

TEST_F(ExternalData, PlacesAreChecked) {
  expect_refused(external({{"location", "w.bin"}, {"offset", "2"}}), ErrorCode::kCorrupt, "which has 9 bytes",
                 options_);
  expect_refused(external({{"location", "w.bin"}, {"offset", "18446744073709551615"}}), ErrorCode::kCorrupt,
                 "which has 9 bytes", options_);
  expect_refused(external({{"location", "w.bin"}, {"offset", "99999999999999999999"}}), ErrorCode::kCorrupt,
                 "not a number", options_);
  expect_refused(external({{"location", "w.bin"}, {"offset", "-1"}}), ErrorCode::kCorrupt, "not a number",
                 options_);
  expect_refused(external({{"location", "w.bin"}, {"length", "4"}}), ErrorCode::kCorrupt,
                 "external data of 4 bytes, f32 [2] needs 8", options_);
}

}  // namespace
}  // namespace dunlin
