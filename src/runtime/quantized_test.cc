// QDQ graphs in sessions: on the integer kernels, with the bits of the references on every level and any threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/session.h"
#include "graph/passes/simplify.h"
#include "graph/testing/qdq_builder.h"

namespace dunlin {
namespace {

using testing::Contains;
using testing::Not;

std::vector<std::string> kernels_of(Session& session) {
  std::vector<std::string> names;
  const auto plan = nlohmann::json::parse(session.explain());
  for (const auto& step : plan["steps"]) names.push_back(step["kernel"]);
  return names;
}

/// What sessions compute is, to the bit, what the references make of the graph with its integer ops, and that is the
/// float graph's result within `step` but for that share of elements: one that moved by a step moves others behind it.
void expect_exact(const Graph& qdq, double step, double most_moved) {
  const Graph integers = infer_and_fold(simplify(qdq));
  expect_one_step_at_most(qdq, integers, step, most_moved);
  GraphBuilder b;
  std::vector<Tensor> in;
  for (ValueId v : qdq.inputs) in.push_back(b.random(*qdq.type(v).shape, -3, 3));
  const auto want = evaluate(integers, in);
  const auto graph = std::make_shared<const Graph>(qdq);
  for (Isa isa : available_isas()) {
    for (int threads : {1, 2, 3}) {
      SCOPED_TRACE(std::string(to_string(isa)) + ", " + std::to_string(threads) + " threads");
      SessionOptions options;
      options.isa = to_string(isa);
      options.pool = std::make_shared<ThreadPool>(threads);
      Session session(graph, options);
      EXPECT_THAT(kernels_of(session), Not(Contains("reference")));
      const auto got = session.run(in);
      ASSERT_EQ(got.size(), want.size());
      for (size_t k = 0; k < got.size(); ++k) {
        const Tensor dense = got[k].clone();
        ASSERT_EQ(0, std::memcmp(dense.data<float>(), want[k].data<float>(), dense.num_bytes())) << k;
      }
    }
  }
}

TEST(QuantizedSession, ConvolutionsOfEveryKind) {
  QdqBuilder b;
  ValueId x = b.there_and_back(b.input({1, 3, 17, 15}), 0.03f, 120);
  const auto conv = [&](Shape w, std::string_view attributes, bool relu) {
    const int64_t channels = w[0];
    const ValueId c = b.node("Conv", {x, b.weights(std::move(w), 0), b.weight({channels})}, attributes);
    x = b.there_and_back(relu ? b.node("Relu", {c}) : c, 0.06f, relu ? 0 : 128);
  };
  conv({20, 3, 3, 3}, "strides=[2,2] pads=[1,1,1,1]", true);
  conv({20, 1, 3, 3}, "group=20 pads=[1,1,1,1]", true);
  conv({34, 20, 1, 1}, "", false);
  conv({34, 1, 5, 5}, "group=34 pads=[2,2,2,2] strides=[2,2]", true);
  conv({34, 17, 3, 3}, "group=2 pads=[1,1,1,1]", false);
  expect_exact(b.done({x}), 40 * 0.06, 0.3);
}

TEST(QuantizedSession, SignedActivationsAndMatrices) {
  QdqBuilder b;
  ValueId x = b.there_and_back(b.input({2, 5, 30}), 0.03f, -3, &formats::kI8);
  x = b.node("Add", {b.node("MatMul", {x, b.weights({30, 33}, 1)}), b.weight({33})});
  x = b.there_and_back(x, 0.05f, 7, &formats::kI8);
  expect_exact(b.done({b.node("MatMul", {x, b.weights({33, 8}, 1)})}), 40 * 0.05, 0.3);
}

TEST(QuantizedSession, AResidualBlockWithAGate) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({2, 20, 9, 8}), 0.03f, 120);
  const auto conv = [&](ValueId in, Shape w, float scale, int zero) {
    return b.there_and_back(b.node("Conv", {in, b.weights(std::move(w), 0)}), scale, zero);
  };
  ValueId y = conv(x, {20, 20, 1, 1}, 0.04f, 128);
  y = b.there_and_back(b.node("HardSwish", {y}), 0.03f, 10);
  ValueId gate = b.there_and_back(b.node("GlobalAveragePool", {y}), 0.02f, 10);
  gate = b.there_and_back(b.node("Sigmoid", {conv(gate, {20, 20, 1, 1}, 0.03f, 128)}), 1.f / 255, 0);
  y = b.there_and_back(b.node("Mul", {gate, y}), 0.03f, 10);
  y = b.there_and_back(b.node("Add", {y, x}), 0.05f, 120);
  y = b.there_and_back(b.node("MaxPool", {y}, "kernel_shape=[3,3] pads=[1,1,1,1] strides=[2,2]"), 0.05f, 120);
  y = b.there_and_back(b.node("GlobalAveragePool", {y}), 0.05f, 120);
  expect_exact(b.done({b.there_and_back(b.node("Flatten", {y}), 0.05f, 120)}), 4 * 0.05, 0.3);
}

/// The gate is a function of the byte that it gates, and so is their product.
TEST(QuantizedSession, SiluIsOneLookup) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({1, 3, 8, 8}), 0.03f, 120);
  const ValueId c = b.there_and_back(b.node("Conv", {x, b.weights({20, 3, 3, 3}, 0)}), 0.04f, 128);
  const ValueId gate = b.there_and_back(b.node("Sigmoid", {c}), 1.f / 255, 0);
  const Graph g = b.done({b.there_and_back(b.node("Mul", {c, gate}), 0.03f, 10)});
  EXPECT_THAT(ops(simplify(g)),
              testing::ElementsAre("QuantizeLinear", "QuantizedConv", "QuantizedLookup", "DequantizeLinear"));
  expect_exact(g, 2 * 0.03, 0.1);
}

/// A QDQ model that trains keeps its weights in floating point.
TEST(QuantizedSession, TrainedWeightsStayFloats) {
  QdqBuilder b;
  const ValueId x = b.there_and_back(b.input({1, 3, 6, 6}), 0.03f, 120);
  const ValueId w = b.weight({4, 3, 3, 3});
  const ValueId fake = b.there_and_back(w, 0.01f, 0, &formats::kI8);
  const ValueId y = b.there_and_back(b.node("Conv", {x, fake}), 0.05f, 100);
  InferOptions options;
  options.variable = {w};
  options.fold_dequantized = false;
  b.g.outputs = {y};
  const Graph g = infer_and_fold(b.g, options);
  EXPECT_THAT(ops(simplify(g, {w})),
              testing::UnorderedElementsAre("FakeQuantize", "FakeQuantize", "Conv", "FakeQuantize"));
}

}  // namespace
}  // namespace dunlin
