// What PyTorch's dynamo exporter writes (weights beside the file, symbolic dimensions) against PyTorch's numbers, which
// tests/golden/make_dynamo.py wrote. One session meets every size.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "dunlin/session.h"
#include "tensor/formats.h"
#include "tensor/npy.h"

namespace dunlin {
namespace {

namespace fs = std::filesystem;

std::vector<Tensor> load_arrays(const fs::path& folder, const std::string& stem) {
  std::vector<Tensor> out;
  for (fs::path file; fs::exists(file = folder / (stem + "." + std::to_string(out.size()) + ".npy"));)
    out.push_back(load_npy(file));
  return out;
}

void expect_close(const Tensor& got, const Tensor& expected) {
  ASSERT_EQ(got.format(), expected.format());
  ASSERT_EQ(to_string(got.shape()), to_string(expected.shape()));
  if (got.format() == &formats::kI64) {
    EXPECT_TRUE(std::ranges::equal(got.values<int64_t>(), expected.values<int64_t>()));
    return;
  }
  const std::span<const float> a = got.values<float>(), b = expected.values<float>();
  float largest = 0;
  for (float v : b) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < b.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5F * largest) << "element " << i;
}

class DynamoExport : public testing::TestWithParam<const char*> {};

TEST_P(DynamoExport, AgreesWithPyTorch) {
  const fs::path folder = fs::path(DUNLIN_SOURCE_DIR "/tests/golden/dynamo") / GetParam();
  Session session = Session::load(folder / "model.onnx", {.num_threads = 2});
  int runs = 0;
  for (; fs::exists(folder / std::to_string(runs)); ++runs) {
    SCOPED_TRACE(testing::Message() << "run " << runs);
    const std::vector<Tensor> inputs = load_arrays(folder / std::to_string(runs), "input");
    const std::vector<Tensor> expected = load_arrays(folder / std::to_string(runs), "output");
    const std::vector<Tensor> outputs = session.run(inputs);
    ASSERT_EQ(outputs.size(), expected.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "output " << i);
      expect_close(outputs[i], expected[i]);
    }
  }
  EXPECT_GE(runs, 2);
}

INSTANTIATE_TEST_SUITE_P(Nets, DynamoExport,
                         testing::Values("cnn", "cnn_unoptimized", "decoder", "recurrent", "selection",
                                         "transformer", "transformer_opset23"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dunlin
