#include "graph/architectures/architecture.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/infer.h"

namespace dunlin {
namespace {

int64_t parameters(std::string_view name, const ArchitectureOptions& options) {
  Graph g = find_architecture(name).build(options).graph;
  int64_t n = 0;
  for (const auto& [v, t] : g.initializers)
    if (g.value_name(v).find("running_") == std::string::npos && t->shape().rank() > 0)
      n += t->num_elements();
  // Every architecture infers to [N, classes].
  const std::string input = g.value_name(g.inputs[0]);
  g = infer_and_fold(std::move(g),
                     {.input_shapes = {{input, Shape{2, options.channels, options.height, options.width}}}});
  EXPECT_EQ(to_string(*g.type(g.outputs[0]).shape), to_string(Shape{2, options.classes})) << name;
  return n;
}

// The counts that torchvision gives for the same architectures (weights and biases, 1000 classes), and
// arithmetic.
TEST(Architectures, HaveTheParametersOfTheirPapers) {
  const ArchitectureOptions imagenet{.classes = 1000, .channels = 3, .height = 224, .width = 224};
  EXPECT_EQ(parameters("resnet18", imagenet), 11'689'512);
  EXPECT_EQ(parameters("mobilenet_v2", imagenet), 3'504'872);
  EXPECT_EQ(parameters("lenet", {}), 61'706);
  EXPECT_EQ(parameters("mlp", {}), 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(parameters("cnn", {}), 16 * 9 + 16 + 32 * 16 * 9 + 32 + 1568 * 128 + 128 + 1290);
}

TEST(Architectures, RefuseWhatDoesNotFit) {
  EXPECT_THROW(find_architecture("lenet").build({.height = 5, .width = 5}), Error);
  EXPECT_THROW(find_architecture("mlp").build({.classes = 0}), Error);
  EXPECT_THROW(find_architecture("nope"), Error);
  try {
    find_architecture("lenet").build({.channels = 3, .height = 100'000, .width = 100'000});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kResourceExhausted);
    EXPECT_NE(std::string(e.what()).find("lenet: weight \"fc1.weight\" ["), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace dunlin
