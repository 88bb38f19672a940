#include "learn/losses/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/evaluate.h"
#include "graph/onnx/export.h"
#include "learn/testing/small_models.h"
#include "learn/testing/temp_folder.h"
#include "learn/train_graph.h"
#include "learn/trainer.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using namespace dunlin::testing;
using ::testing::HasSubstr;

/// A model whose output is its input: [N,3].
Model identity() {
  ModelBuilder b({3});
  return b.finish(b.node("Identity", {b.input()}));
}

double loss_of(const std::string& loss, const Tensor& targets) {
  const EvaluateGraph e = make_evaluate_graph(prepare_for_training(identity()), loss);
  const Tensor inputs[] = {Tensor::of<float>({2, 3}, {1, -2, 3, -40, 50, 0.5f}), targets.view()};
  return to_scalar(evaluate(*e.graph, inputs)[0]);
}

// Values by torch.nn.functional of PyTorch 1.13.
TEST(Loss, AgreesWithPyTorch) {
  const Tensor values = Tensor::of<float>({2, 3}, {0, 1, 1, 0, 1, 0.25f});
  EXPECT_NEAR(loss_of("ce", Tensor::of<int64_t>({2}, {2, 0})), 45.06642150878906, 1e-5);
  EXPECT_NEAR(loss_of("bce", values), 0.7229756712913513, 1e-6);
  EXPECT_NEAR(loss_of("mse", values), 669.1770629882812, 1e-4);
}

TEST(Loss, CrossEntropyTakesAClassForEachPixel) {
  ModelBuilder b({3, 2});
  const EvaluateGraph e =
      make_evaluate_graph(prepare_for_training(b.finish(b.node("Identity", {b.input()}))), "ce");
  EXPECT_TRUE(e.form.whole);
  EXPECT_EQ(e.form.shape, Shape{2});
  const Tensor inputs[] = {Tensor::of<float>({2, 3, 2}, {1, -2, 3, -40, 50, 0.5f, 1, 2, 3, 4, 5, 6}),
                           Tensor::of<int64_t>({2, 2}, {2, 0, 1, 1})};
  EXPECT_NEAR(to_scalar(evaluate(*e.graph, inputs)[0]), 1.7161882478230872, 1e-5);  // PyTorch 1.13
}

std::string refusal(const Model& model, const std::string& loss) {
  return error_of([&] { make_train_graph(prepare_for_training(model), {.loss = loss, .frozen = {}}); });
}

/// Of one class nothing can be learned: the loss is 0.
TEST(Loss, CrossEntropyNeedsTwoClasses) {
  for (const Shape& sample : {Shape{1}, Shape{1, 4}}) {
    ModelBuilder b(sample);
    const ValueId y = b.node("Mul", {b.input(), b.weight("w", {1}, {2})});
    EXPECT_THAT(refusal(b.finish(y), "ce"), HasSubstr("--loss ce needs logits [N, classes"))
        << to_string(sample);
  }
}

TEST(Loss, RefusesWhatEndsInAProbabilityWithTheRemedy) {
  for (const char* tail : {"Softmax", "LogSoftmax", "Sigmoid"})
    for (const char* loss : {"ce", "bce"}) {
      const std::string error = refusal(linear(3, tail), loss);
      EXPECT_THAT(error,
                  HasSubstr(fmt::format("--loss {} takes logits, but the model ends in {}", loss, tail)));
      EXPECT_THAT(error, HasSubstr("use --loss nll"));
      EXPECT_EQ(refusal(linear(3, tail), "nll"), "");
      EXPECT_EQ(refusal(linear(3, tail), "mse"), "");
    }
  EXPECT_THAT(refusal(linear(3), "nll"), HasSubstr("this one ends in Gemm"));
  EXPECT_THAT(refusal(linear(1), "ce"), HasSubstr("[N, classes]"));
  EXPECT_THAT(refusal(linear(3), "hinge"),
              HasSubstr("there are ce, nll, bce, mse, or the path of an .onnx file"));
}

/// mean((outputs - targets)^4), as a file.
void save_fourth_power(const std::string& path, Format target_format, Shape target_shape) {
  Model m;
  Graph& g = m.graph;
  g.opsets[""] = 13;
  g.symbols = {"N"};
  const ValueId y = g.add_value("outputs", {.format = &formats::kF32, .shape = Shape{-2, 3}}),
                t = g.add_value("targets", {.format = target_format, .shape = target_shape});
  g.inputs = {y, t};
  const auto node = [&](const char* op, std::vector<ValueId> in, Attributes attributes = {}) {
    const ValueId out =
        g.add_value(fmt::format("{}{}", op, g.values.size()), {.format = &formats::kF32, .shape = {}});
    g.nodes.push_back({.op = op,
                       .domain = "",
                       .name = "",
                       .attributes = std::move(attributes),
                       .inputs = std::move(in),
                       .outputs = {out}});
    return out;
  };
  const ValueId d = node("Sub", {y, t}), s = node("Mul", {d, d}), q = node("Mul", {s, s});
  const ValueId loss = node("ReduceMean", {q}, {{"keepdims", int64_t{0}}});
  g.values[static_cast<size_t>(loss)].type.shape = Shape{};
  g.outputs = {loss};
  save_onnx(m, path);
}

TEST(Loss, AFileIsAGraphFromOutputsAndTargetsToOneNumber) {
  const TempFolder dir;
  save_fourth_power(dir / "loss.onnx", &formats::kF32, {-2, 3});
  const Tensor values = Tensor::of<float>({2, 3}, {0, -2, 3, -40, 52, -0.5f});
  EXPECT_NEAR(loss_of(dir / "loss.onnx", values), (1 + 16 + 1) / 6.0, 1e-5);
  EXPECT_EQ(refusal(linear(3), dir / "loss.onnx"), "");
  save_fourth_power(dir / "bad.onnx", &formats::kF64, {-2, 3});
  EXPECT_THAT(refusal(linear(3), dir / "bad.onnx"), HasSubstr("bad.onnx: the targets \"targets\" are f64"));
  EXPECT_THAT(refusal(linear(3), dir / "none.onnx"), HasSubstr("none.onnx"));
  save_onnx(linear(3), dir / "one.onnx");
  EXPECT_THAT(refusal(linear(3), dir / "one.onnx"),
              HasSubstr("a loss has 2 inputs (outputs, targets) and 1 output"));
}

TEST(TrainGraph, Patterns) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*c", "abbc"));
  EXPECT_TRUE(matches("*.bn*.w", "x.bn1.bn2.w"));
  EXPECT_FALSE(matches("a*c", "abcd"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("fc", "fc"));
}

}  // namespace
}  // namespace dunlin
