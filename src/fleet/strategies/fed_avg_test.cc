#include <gtest/gtest.h>

#include "base/error.h"
#include "fleet/strategies/strategy.h"
#include "fleet/strategies/update_code.h"

namespace dunlin::fleet {
namespace {

Model model() {
  return {NamedTensors({{"w", {2}, Role::kParameter, {1, 2}}, {"mean", {1}, Role::kStatistic, {0.5f}}}),
          "hash"};
}

// Training that moves every value by a constant.
class ShiftTrainer final : public LocalTrainer {
 public:
  ShiftTrainer(float by, uint64_t examples) : by_(by), examples_(examples) {}
  LocalResult train(const NamedTensors& start) override {
    LocalResult r;
    for (NamedTensor t : start) {
      for (float& v : t.values) v += by_;
      r.tensors.add(std::move(t));
    }
    r.examples = examples_;
    return r;
  }

 private:
  float by_;
  uint64_t examples_;
};

Model run_round(const Strategy& strategy) {
  const Model m = model();
  const NamedTensors none;
  const std::vector<TensorCode> codes = plan_codes(strategy.state(), m.tensors, {});
  wire::v1::Task task;
  task.set_id("t");
  task.mutable_plan()->set_max_weight(100);
  for (const TensorCode& c : codes) *task.mutable_plan()->add_tensors() = to_wire(c);
  Sum sum(codes);
  for (const auto& [by, examples] : {std::pair(1.0f, 10), std::pair(-0.5f, 30)}) {
    ShiftTrainer trainer(by, static_cast<uint64_t>(examples));
    const Update u = strategy.client({1, 7, m, none, none}, trainer);
    const Bytes bytes = encode_update(task, u, {});
    sum.fold(check_update(bytes, "t", codes, {100, 100, 1 << 20}).codes, u.weight);
  }
  ServerState state;
  return strategy.server(m, state, sum);
}

TEST(FedAvg, MovesByTheMeanWeightedByExamples) {
  const Model next = run_round(*make_strategy("FedAvg", {}));
  // (10 * 1 - 30 * 0.5) / 40 = -0.125
  EXPECT_NEAR(next.tensors.at("w").values[0], 0.875, 1e-6);
  EXPECT_NEAR(next.tensors.at("w").values[1], 1.875, 1e-6);
  EXPECT_NEAR(next.tensors.at("mean").values[0], 0.375, 1e-6);
}

TEST(FedAvg, LocalStatisticsStayAtHome) {
  const auto strategy = make_strategy("FedAvg", {{"statistics", "local"}});
  EXPECT_EQ(update_shape(strategy->state(), model().tensors).find("mean"), nullptr);
  const Model next = run_round(*strategy);
  EXPECT_NEAR(next.tensors.at("w").values[0], 0.875, 1e-6);
  EXPECT_EQ(next.tensors.at("mean").values[0], 0.5f);
}

TEST(Strategies, UnknownNamesAndParametersAreNamed) {
  const auto message = [](const std::string& name,
                          const std::map<std::string, std::string>& params) -> std::string {
    try {
      make_strategy(name, params);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message("FedFoo", {}), "strategy \"FedFoo\": unknown, expected one of FedAvg");
  EXPECT_EQ(message("FedAvg", {{"mu", "1"}}), "strategy FedAvg: unknown parameter mu, expected statistics");
  EXPECT_EQ(message("FedAvg", {{"statistics", "x"}}),
            "strategy FedAvg: parameter statistics is \"x\", expected one of aggregate, local");
}

TEST(Strategies, StateThatFollowsTheParametersTakesTheirShapes) {
  State s;
  s.statistics = State::Scope::kLocal;
  const NamedTensors z = zeros({{"c", StateTensor::Like::kEachParameter}, {"step"}}, s, model().tensors);
  ASSERT_EQ(z.size(), 2u);
  EXPECT_EQ(z.at("c/w").values, (std::vector<float>{0, 0}));
  EXPECT_EQ(z.at("step").values, (std::vector<float>{0}));
}

}  // namespace
}  // namespace dunlin::fleet
