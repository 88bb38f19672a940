#include "fleet/strategies/strategy.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace dunlin::fleet {

#define STRATEGY(name) extern const StrategyDef k##name;
#include "fleet/strategies/catalog.def"
#undef STRATEGY

std::span<const StrategyDef* const> strategies() {
  static constexpr const StrategyDef* kAll[] = {
#define STRATEGY(name) &k##name,
#include "fleet/strategies/catalog.def"
#undef STRATEGY
  };
  return kAll;
}

std::unique_ptr<Strategy> make_strategy(const std::string& name,
                                        const std::map<std::string, std::string>& params) {
  std::string known;
  for (const StrategyDef* def : strategies()) {
    if (def->name == name) {
      StrategyParams p(name, params);
      auto made = def->make(p);
      p.done();
      return made;
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", def->name);
  }
  fail(ErrorCode::kNotFound, "strategy \"{}\": unknown, expected one of {}", name, known);
}

NamedTensors zeros(const std::vector<StateTensor>& declared, const State& state, const NamedTensors& model) {
  NamedTensors out;
  for (const StateTensor& d : declared) {
    if (d.like == StateTensor::Like::kScalar) {
      out.add({d.name, {}, Role::kParameter, {0.0f}});
      continue;
    }
    for (const NamedTensor& t : model)
      if (state.aggregates(t))
        out.add({d.name + "/" + t.name, t.shape, t.role, std::vector<float>(t.values.size())});
  }
  return out;
}

NamedTensors update_shape(const State& state, const NamedTensors& model) {
  NamedTensors out;
  for (const NamedTensor& t : model)
    if (state.aggregates(t)) out.add({t.name, t.shape, t.role, std::vector<float>(t.values.size())});
  for (const NamedTensor& t : zeros(state.update, state, model)) out.add(t);
  return out;
}

Update local_difference(const State& state, const Round& round, LocalTrainer& trainer) {
  LocalResult result = trainer.train(round.model.tensors);
  Update update;
  for (const NamedTensor& before : round.model.tensors) {
    if (!state.aggregates(before)) continue;
    NamedTensor after = std::move(result.tensors.at(before.name));  // in place: a device has little memory
    if (after.shape != before.shape)
      fail(ErrorCode::kInvalidArgument, "training: tensor \"{}\" is {}, expected {}", before.name,
           shape_text(after.shape), shape_text(before.shape));
    for (size_t i = 0; i < before.values.size(); ++i) after.values[i] -= before.values[i];
    update.vectors.add(std::move(after));
  }
  update.weight = result.examples;
  update.metrics = result.metrics;
  return update;
}

double StrategyParams::number(const std::string& name, double otherwise, double min, double max) {
  known_.push_back(name);
  const auto it = values_.find(name);
  if (it == values_.end()) return otherwise;
  double v = 0;
  const std::string& text = it->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || !(v >= min && v <= max))
    fail(ErrorCode::kInvalidArgument, "strategy {}: parameter {} is \"{}\", expected a number from {} to {}",
         strategy_, name, text, min, max);
  return v;
}

std::string StrategyParams::choice(const std::string& name, const std::string& otherwise,
                                   const std::vector<std::string>& allowed) {
  known_.push_back(name);
  const auto it = values_.find(name);
  if (it == values_.end()) return otherwise;
  if (std::find(allowed.begin(), allowed.end(), it->second) == allowed.end())
    fail(ErrorCode::kInvalidArgument, "strategy {}: parameter {} is \"{}\", expected one of {}", strategy_,
         name, it->second, fmt::join(allowed, ", "));
  return it->second;
}

void StrategyParams::done() const {
  for (const auto& [name, value] : values_)
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      fail(ErrorCode::kInvalidArgument, "strategy {}: unknown parameter {}, expected {}", strategy_, name,
           known_.empty() ? "none" : fmt::format("{}", fmt::join(known_, ", ")));
}

}  // namespace dunlin::fleet
