// Models of PyTorch's dynamo exporter train as in PyTorch: what it folded into initialisers stays. Nets and losses are
// from tests/golden/make_dynamo.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/inspect.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "learn/testing/memory_dataset.h"
#include "learn/trainer.h"
#include "tensor/npy.h"

namespace dunlin {
namespace {

using testing::MemoryDataset;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

struct Net {
  explicit Net(const std::string& name)
      : folder(DUNLIN_SOURCE_DIR "/tests/golden/dynamo/" + name), model(load_onnx(folder + "/model.onnx")) {
    const Tensor x = load_npy(folder + "/x.npy"), y = load_npy(folder + "/y.npy"),
                 expected = load_npy(folder + "/losses.npy");
    const auto values = x.values<float>();
    const size_t n = values.size() / y.values<int64_t>().size();
    std::vector<MemoryDataset::Row> rows;
    for (const int64_t c : y.values<int64_t>()) {
      const auto at = values.begin() + static_cast<std::ptrdiff_t>(rows.size() * n);
      rows.push_back({{at, at + static_cast<std::ptrdiff_t>(n)}, static_cast<int>(c), "", {}});
    }
    data = std::make_shared<MemoryDataset>(std::move(rows), std::vector<std::string>{"a", "b", "c"});
    losses.assign(expected.values<float>().begin(), expected.values<float>().end());
    task.input = Shape({x.shape().begin() + 1, x.shape().end()});
    task.labels = {"a", "b", "c"};
  }
  Trainer trainer(const Model& of, std::vector<std::string> frozen = {}) const {
    return {of,
            task,
            {.epochs = static_cast<int64_t>(losses.size()),
             .batch = static_cast<int64_t>(data->size()),
             .optimizer = parse_optimizer("sgd:momentum=0.9"),
             .learning_rate = 0.1,
             .frozen = std::move(frozen)}};
  }
  void expect_pytorchs_losses() const {
    Trainer t = trainer(model);
    std::vector<double> got;
    t.train(data, [&](const Progress& p) {
      got.push_back(p.batch_loss);
      return true;
    });
    ASSERT_EQ(got.size(), losses.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], losses[i], 2e-5) << "step " << i;

    const Model again = parse_onnx(serialize_onnx(t.model()));
    EXPECT_EQ(trainer(again).trained(), t.trained());
    for (const Model* m : {&model, &again}) {
      const Inspection seen = inspect(*m);
      EXPECT_THAT(seen.weights, UnorderedElementsAreArray(t.trained()));
    }
  }

  std::string folder;
  Model model;
  DatasetPtr data;
  Task task;
  std::vector<float> losses;
};

TEST(ExporterTraining, AFoldedGridStays) {
  const Net net("sampler");
  net.expect_pytorchs_losses();
  const Trainer t = net.trainer(net.model);
  EXPECT_THAT(t.trained(), UnorderedElementsAre("where.weight", "where.bias", "head.weight", "head.bias"));
  EXPECT_THAT(t.constants().names, UnorderedElementsAre("view_4"));
  EXPECT_EQ(t.constants().elements, 108u);
  EXPECT_EQ(net.trainer(net.model, {"view_4"}).trained(), t.trained());  // as before they were told apart
  const Inspection i = inspect(net.model);
  EXPECT_EQ(i.trainable_parameters, 6u * 37 + 3 * 37);
  EXPECT_EQ(i.parameters, i.trainable_parameters + 108);
}

/// The scale and bias of GroupNormalization and the transposed matrix have lost their names; ones and zeros of
/// InstanceNormalization, a folded table and a buffer stand beside them.
TEST(ExporterTraining, ReshapedParametersTrain) {
  const Net net("grouped");
  net.expect_pytorchs_losses();
  const Trainer t = net.trainer(net.model);
  EXPECT_THAT(t.trained(),
              UnorderedElementsAre("conv.weight", "conv.bias", "val_22", "val_24", "val_34", "project.bias"));
  EXPECT_THAT(t.constants().names, UnorderedElementsAre("val_9", "val_12", "shift", "triu"));
}

TEST(ExporterTraining, RecurrentWeightsTrainThoughJoined) {
  Model model = load_onnx(DUNLIN_SOURCE_DIR "/tests/golden/dynamo/recurrent/model.onnx");
  EXPECT_EQ(trainable_weights(prepare_for_training(model)).size(), 9u);
  // As it would be with an embedding beside the LSTM, which keeps its name.
  std::string& signature = model.metadata.at(std::string(kGraphSignature));
  signature += "p_named: PARAMETER target='val_112'\n";
  EXPECT_EQ(trainable_weights(prepare_for_training(model)).size(), 9u);
}

TEST(ExporterTraining, AFoldedBatchNormalizationIsTold) {
  const auto folded = [](const char* name) {
    return inspect(load_onnx(std::string(DUNLIN_SOURCE_DIR "/tests/golden/dynamo/") + name + "/model.onnx"))
        .batch_norm_folded;
  };
  EXPECT_TRUE(folded("cnn"));
  EXPECT_FALSE(folded("cnn_unoptimized"));
  EXPECT_FALSE(folded("sampler"));
}

}  // namespace
}  // namespace dunlin
