// Where sessions take the Winograd kernels, and what SessionOptions::winograd does.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "dunlin/session.h"
#include "graph/ir.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

Tensor random_tensor(Shape shape, unsigned seed) {
  Tensor t(&formats::kF32, std::move(shape));
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int64_t i = 0; i < t.num_elements(); ++i) t.data<float>()[i] = uniform(generator);
  return t;
}

/// y = relu(conv(x, w) + bias + x) over x: f32[1,32,20,18].
std::shared_ptr<Graph> residual_block() {
  auto g = std::make_shared<Graph>();
  g->opsets[""] = kNewestOpset;
  const ValueId x = g->add_value("x", {.format = &formats::kF32, .shape = Shape{1, 32, 20, 18}});
  g->inputs = {x};
  const ValueId w = g->add_initializer("w", std::make_shared<Tensor>(random_tensor({32, 32, 3, 3}, 1))),
                b = g->add_initializer("b", std::make_shared<Tensor>(random_tensor({32}, 2)));
  const ValueId conv = g->add_value("conv"), sum = g->add_value("sum"), y = g->add_value("y");
  const auto node = [&](std::string op, std::vector<ValueId> in, ValueId out) {
    g->nodes.push_back(
        {.op = op, .domain = "", .name = op, .attributes = {}, .inputs = in, .outputs = {out}});
  };
  node("Conv", {x, w, b}, conv);
  g->nodes.back().attributes["pads"] = std::vector<int64_t>{1, 1, 1, 1};
  node("Add", {conv, x}, sum);
  node("Relu", {sum}, y);
  g->outputs = {y};
  return g;
}

bool takes_winograd(Session& session) {
  const auto plan = nlohmann::json::parse(session.explain());
  return std::any_of(plan["steps"].begin(), plan["steps"].end(),
                     [](const auto& step) { return step["kernel"] == "winograd"; });
}

std::vector<float> run(Session& session) {
  const Tensor in[] = {random_tensor({1, 32, 20, 18}, 3)};
  const std::vector<Tensor> out = session.run(in);
  return {out[0].values<float>().begin(), out[0].values<float>().end()};
}

TEST(WinogradSteps, AgreeWithTheDirectConvolution) {
  Session direct(residual_block(), {.winograd = false});
  EXPECT_FALSE(takes_winograd(direct));
  const std::vector<float> want = run(direct);
  const float scale = *std::max_element(want.begin(), want.end());
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    Session session(residual_block(), {.num_threads = threads});
    EXPECT_TRUE(takes_winograd(session));
    const std::vector<float> got = run(session);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-5f * scale) << i;
    EXPECT_NE(got, want);  // other sums
    if (first.empty()) first = got;
    EXPECT_EQ(got, first) << threads << " threads";
  }
}

TEST(WinogradSteps, NeedWeightsThatStay) {
  Session session(residual_block(), {.variables = {"w"}});
  EXPECT_FALSE(takes_winograd(session));
}

TEST(WinogradSteps, GiveWayWhereMemoryIsShort) {
  // The weights take 37 kB, transformed 147 kB; x and y 46 kB each.
  Session session(residual_block(), {.max_bytes = 300'000});
  EXPECT_FALSE(takes_winograd(session));
  Session direct(residual_block(), {.winograd = false});
  EXPECT_EQ(run(session), run(direct));
}

}  // namespace
}  // namespace dunlin
