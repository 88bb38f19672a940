#include "graph/conform.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <ostream>
#include <set>

#include "base/error.h"

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

}  // namespace
}  // namespace dunlin
