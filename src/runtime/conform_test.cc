#include "runtime/conform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <ostream>

namespace dunlin {
namespace {

const std::string kTestData = "/usr/share/libonnx-testdata/data/";

// ONNX's own tests through plans and kernels. graph/conform_test.cc holds the references to the same cases.
struct Tree {
  const char* name;
  int passed;  // at least: what ran once must not turn into "unsupported" unseen
};
void PrintTo(const Tree& tree, std::ostream* out) { *out << tree.name; }
class SessionConform : public testing::TestWithParam<Tree> {};

TEST_P(SessionConform, NoCaseFails) {
  const std::string dir = kTestData + GetParam().name;
  ASSERT_TRUE(std::filesystem::exists(dir))
      << "ONNX's test data are missing: tools/setup installs libonnx-testdata";
  const ConformReport planned = conform(dir, session_runner());
  const ConformReport reference = conform(dir, run_with_references);
  ASSERT_EQ(planned.cases.size(), reference.cases.size());
  for (size_t i = 0; i < planned.cases.size(); ++i) {
    const ConformCase& c = planned.cases[i];
    if (c.result == ConformCase::Result::kFailed) ADD_FAILURE() << c.name << ": " << c.reason;
    // What has a reference must run.
    EXPECT_EQ(c.result == ConformCase::Result::kUnsupported,
              reference.cases[i].result == ConformCase::Result::kUnsupported)
        << c.name << ": " << c.reason;
  }
  EXPECT_GE(planned.passed, GetParam().passed);
  std::printf("%s: %d passed (%d random), %d failed, %d unsupported\n", GetParam().name, planned.passed,
              planned.random, planned.failed, planned.unsupported);
}

INSTANTIATE_TEST_SUITE_P(OnnxTestData, SessionConform,
                         testing::Values(Tree{"node", 931}, Tree{"pytorch-converted", 82},
                                         Tree{"pytorch-operator", 35}, Tree{"simple", 23}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace dunlin
