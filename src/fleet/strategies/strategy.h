// A federated learning algorithm: what a device does with the model, and what the fleet does with the sum.
//
// A strategy is stateless: both halves are const, and whatever lasts is a named tensor that state() declares.
// The server half sees only a Sum, so secure aggregation and differential privacy compose with every
// strategy. One file and one line in catalog.def make a new one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/strategies/named_tensors.h"
#include "fleet/strategies/sum.h"

namespace dunlin::fleet {

/// A tensor, or one beside each aggregated initialiser, that a strategy keeps; it begins as zeros.
struct StateTensor {
  enum class Like { kScalar, kEachParameter };
  std::string name;  // for kEachParameter the tensors are called NAME/INITIALISER
  Like like = Like::kScalar;
};

struct State {
  std::vector<StateTensor> broadcast;  // of `server`: those that go to the devices with the model
  std::vector<StateTensor>
      device;  // durable on the device; change only when the device's update was accepted
  std::vector<StateTensor> server;  // saved in the transaction that publishes a version
  std::vector<StateTensor> update;  // go up beside the initialisers' differences
  enum class Scope { kAggregated, kLocal };
  Scope parameters = Scope::kAggregated;
  Scope statistics = Scope::kAggregated;  // BatchNorm's

  bool aggregates(const NamedTensor& initialiser) const {
    return (initialiser.role == Role::kStatistic ? statistics : parameters) == Scope::kAggregated;
  }
};

/// The tensors a declaration stands for, zero.
NamedTensors zeros(const std::vector<StateTensor>& declared, const State& state, const NamedTensors& model);
/// What an update of this model holds, zero: the aggregated initialisers, then state.update.
NamedTensors update_shape(const State& state, const NamedTensors& model);

struct LocalMetrics {
  uint64_t examples = 0;
  double loss = 0, accuracy = 0;
};

struct LocalResult {
  NamedTensors tensors;  // every initialiser after training
  uint64_t examples = 0;
  LocalMetrics metrics;
};

struct Update {
  NamedTensors vectors;  // as update_shape says; initialisers as trained minus received
  uint64_t weight = 0;   // examples
  LocalMetrics metrics;
  NamedTensors device_state;  // the new one, kept by the device once the update was accepted
};

/// Training on the device's own data with the plan's hyper-parameters and the round's seed; the device
/// implements it.
class LocalTrainer {
 public:
  virtual ~LocalTrainer() = default;
  virtual LocalResult train(const NamedTensors& start) = 0;
};

/// What the client half is given. The references live for the call.
struct Round {
  uint64_t number = 0;
  uint64_t seed = 0;
  const Model& model;
  const NamedTensors& broadcast;
  const NamedTensors& device_state;
};

using ServerState = NamedTensors;

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual State state() const = 0;
  virtual Update client(const Round& round, LocalTrainer& trainer) const = 0;
  /// The next model; `server` holds the declared tensors and is changed in place.
  virtual Model server(const Model& model, ServerState& server, const Sum& sum) const = 0;
};

/// Trains and gives the plain update: differences of the aggregated initialisers, weighted by examples.
Update local_difference(const State& state, const Round& round, LocalTrainer& trainer);

/// A strategy's parameters as text. Getters throw kInvalidArgument naming strategy, parameter, value and what
/// is allowed.
class StrategyParams {
 public:
  StrategyParams(std::string strategy, std::map<std::string, std::string> values)
      : strategy_(std::move(strategy)), values_(std::move(values)) {}
  double number(const std::string& name, double otherwise, double min, double max);
  std::string choice(const std::string& name, const std::string& otherwise,
                     const std::vector<std::string>& allowed);
  /// Call last: throws when a given parameter was never asked for.
  void done() const;

 private:
  std::string strategy_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
};

struct StrategyDef {
  std::string_view name;    // as in catalog.def
  std::string_view source;  // paper and equation
  std::unique_ptr<Strategy> (*make)(StrategyParams& params);
};

/// Every strategy, in the catalog's order.
std::span<const StrategyDef* const> strategies();
/// Throws kNotFound listing the known ones, kInvalidArgument for a parameter.
std::unique_ptr<Strategy> make_strategy(const std::string& name,
                                        const std::map<std::string, std::string>& params);

}  // namespace dunlin::fleet
