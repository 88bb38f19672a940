#include "fleet/strategies/strategy.h"

namespace dunlin::fleet {

namespace {

/// FedAvg (McMahan et al., AISTATS 2017, algorithm 1): the mean of the devices' models, weighted by their
/// examples.
class FedAvg final : public Strategy {
 public:
  struct Params {
    bool aggregate_statistics = true;  // false keeps BatchNorm's statistics on the device (FedBN's choice)
  };
  explicit FedAvg(Params params) : params_(params) {}

  State state() const override {
    State s;
    if (!params_.aggregate_statistics) s.statistics = State::Scope::kLocal;
    return s;
  }
  Update client(const Round& round, LocalTrainer& trainer) const override {
    return local_difference(state(), round, trainer);
  }
  Model server(const Model& model, ServerState&, const Sum& sum) const override {
    return model.plus(sum.mean());
  }

 private:
  Params params_;
};

}  // namespace

extern const StrategyDef kFedAvg{
    .name = "FedAvg", .source = "McMahan et al., AISTATS 2017, algorithm 1", .make = [](StrategyParams& p) {
      return std::unique_ptr<Strategy>(std::make_unique<FedAvg>(
          FedAvg::Params{.aggregate_statistics =
                             p.choice("statistics", "aggregate", {"aggregate", "local"}) == "aggregate"}));
    }};

}  // namespace dunlin::fleet
