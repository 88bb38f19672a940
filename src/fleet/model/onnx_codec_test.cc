#include "fleet/model/onnx_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "learn/task.h"

namespace dunlin::fleet {
namespace {

using testing::ElementsAre;

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> out;
  for (const NamedTensor& t : tensors) out.push_back(t.name);
  return out;
}

/// The grid that PyTorch's exporter folded is nobody's to average, before a round and after.
TEST(OnnxCodec, ExchangesWhatTrains) {
  dunlin::Model model = load_onnx(DUNLIN_SOURCE_DIR "/tests/golden/dynamo/sampler/model.onnx");
  write_task({.input = {1, 6, 6}, .labels = {"a", "b", "c"}}, model.metadata);
  OnnxCodec codec;
  const Bytes artefact = serialize_onnx(model);
  NamedTensors tensors = codec.read(artefact);
  EXPECT_THAT(names(tensors), ElementsAre("where.weight", "where.bias", "head.weight", "head.bias"));
  tensors.at("head.bias").values[0] = 7;
  EXPECT_EQ(codec.read(codec.write(artefact, tensors)), tensors);
}

}  // namespace
}  // namespace dunlin::fleet
