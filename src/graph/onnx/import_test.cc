#include "graph/onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file_system.h"
#include "graph/onnx/onnx.pb.h"

namespace dunlin {
namespace {

const char* const kTestData = "/usr/share/libonnx-testdata/data";

// Every model of ONNX's own tests is read, or refused for a reason that is ours.
TEST(OnnxImport, ReadsOnnxTestData) {
  int read = 0;
  std::map<std::string, int> refused;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kTestData)) {
    if (entry.path().extension() != ".onnx") continue;
    try {
      const Model model = load_onnx(entry.path());
      EXPECT_FALSE(model.graph.outputs.empty()) << entry.path();
      ++read;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.what();
      const std::string what = e.what();
      ++refused[what.substr(what.find(": ") + 2)];
    }
  }
  EXPECT_GT(read, 1000);
  for (const auto& [why, count] : refused) std::printf("%d %s\n", count, why.c_str());
}

}  // namespace
}  // namespace dunlin
