#include "graph/conform.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "base/error.h"

namespace dunlin {
namespace {

const std::string kTestData = "/usr/share/libonnx-testdata/data/";

// ONNX's own tests against the scalar references. What is unsupported is printed by name; nothing may fail.
class Conform : public testing::TestWithParam<const char*> {};

TEST_P(Conform, NoCaseFails) {
  const std::string dir = kTestData + GetParam();
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
  std::printf("%s: %d passed (%d random), %d failed, %d unsupported\n", GetParam(), report.passed,
              report.random, report.failed, report.unsupported);
}

INSTANTIATE_TEST_SUITE_P(OnnxTestData, Conform,
                         testing::Values("node", "pytorch-converted", "pytorch-operator", "simple"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace dunlin
