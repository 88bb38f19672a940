#include "graph/conform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>

#include "base/error.h"
#include "graph/onnx/export.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/testing/one_node.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

const std::string kTestData = "/usr/share/libonnx-testdata/data/";

// ONNX's own tests against the scalar references. What is unsupported is printed by name; nothing may fail.
struct Tree {
  const char* name;
  int passed;  // at least: what ran once must not turn into "unsupported" unseen
};
void PrintTo(const Tree& tree, std::ostream* out) { *out << tree.name; }
class Conform : public testing::TestWithParam<Tree> {};

TEST_P(Conform, NoCaseFails) {
  const std::string dir = kTestData + GetParam().name;
  ASSERT_TRUE(std::filesystem::exists(dir))
      << "ONNX's test data are missing: tools/setup installs libonnx-testdata";
  const ConformReport report = conform(dir, run_with_references);
  for (const ConformCase& c : report.cases)
    if (c.result == ConformCase::Result::kFailed) ADD_FAILURE() << c.name << ": " << c.reason;
  std::map<std::string, std::vector<std::string>> unsupported;
  for (const ConformCase& c : report.cases)
    if (c.result == ConformCase::Result::kUnsupported) unsupported[c.reason].push_back(c.name);
  for (const auto& [why, cases] : unsupported) {
    std::printf("unsupported: %s:", why.c_str());
    for (const std::string& name : cases) std::printf(" %s", name.c_str());
    std::printf("\n");
  }
  EXPECT_GE(report.passed, GetParam().passed);
  std::printf("%s: %d passed (%d random), %d failed, %d unsupported\n", GetParam().name, report.passed,
              report.random, report.failed, report.unsupported);
}

INSTANTIATE_TEST_SUITE_P(OnnxTestData, Conform,
                         testing::Values(Tree{"node", 931}, Tree{"pytorch-converted", 82},
                                         Tree{"pytorch-operator", 35}, Tree{"simple", 23}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// What conform() says of a model whose output has those codes, where `expected` stand in the file.
std::string difference(Format format, const std::string& expected, const std::string& got) {
  const auto count = static_cast<int64_t>(got.size()) / element_bytes(format);
  Tensor y(format, {count});
  std::ranges::copy(as_bytes(got), y.plane(Plane::kPayload).begin());
  const std::string folder = testing::TempDir() + "dunlin_conform_codes";
  std::filesystem::create_directories(folder + "/test_data_set_0");
  Model model;
  std::vector<Tensor> inputs;
  inputs.push_back(y.view());
  model.graph = one_node("Identity", inputs);
  model.graph.values[static_cast<size_t>(model.graph.outputs[0])].type = {.format = format,
                                                                          .shape = y.shape()};
  save_onnx(model, folder + "/model.onnx");
  onnx::TensorProto proto;
  proto.set_data_type(format->onnx_type);
  proto.add_dims(count);
  proto.set_raw_data(expected);
  for (const char* name : {"input_0.pb", "output_0.pb"})
    std::ofstream(folder + "/test_data_set_0/" + name, std::ios::binary) << proto.SerializeAsString();
  const ConformReport report = conform(folder, [&](const Model&, std::vector<RunValue>) {
    std::vector<RunValue> out;
    out.emplace_back(y.view());
    return out;
  });
  std::filesystem::remove_all(folder);
  return report.cases[0].reason;
}

// A tolerance is for floats of 16 bits and more; doubles would not tell 2^60 from 2^60 + 1, nor 0 from -0.
TEST(ConformCompares, IntegersAndNarrowFloatsCodeByCode) {
  const auto i64 = [](int64_t x) { return std::string(reinterpret_cast<const char*>(&x), sizeof x); };
  EXPECT_EQ(difference(&formats::kI64, i64(1LL << 60), i64(1LL << 60)), "");
  EXPECT_THAT(difference(&formats::kI64, i64(1LL << 60), i64((1LL << 60) + 1)),
              testing::HasSubstr("1 of 1 elements differ; element 0 is 1"));
  const Format f8 = &formats::kF8E4M3FN;
  EXPECT_EQ(difference(f8, "\x38\x7f\x08", "\x38\xff\x08"), "");  // NaN has two codes
  EXPECT_THAT(difference(f8, "\x38\x7f\x80", std::string("\x38\x7f\0", 3)),
              testing::HasSubstr("1 of 3 elements differ; element 2 is 0, expected -0"));
  EXPECT_THAT(difference(f8, "\x38\x7f\x08", "\x38\x7f\x09"), testing::HasSubstr("element 2 is"));
}

}  // namespace
}  // namespace dunlin
