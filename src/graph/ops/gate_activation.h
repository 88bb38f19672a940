// The functions f, g and h in the equations of RNN, LSTM and GRU, and the clip before them.
#pragma once

#include <algorithm>
#include <optional>

#include "graph/op.h"

namespace dunlin::ops {

struct GateFunction {
  std::string_view name;
  double (*value)(double x, double alpha, double beta);
  double (*slope)(double x, double alpha, double beta);
  /// none: the function has no such number.
  std::optional<float> alpha = {}, beta = {};
};

struct GateActivation {
  const GateFunction* function = nullptr;
  double alpha = 0, beta = 0;
  double clip = 0;  ///< bounds what goes in; infinity: nothing does

  double operator()(double x) const { return function->value(std::clamp(x, -clip, clip), alpha, beta); }
  /// At the bounds of the clip that of the inside, as for Clip.
  double slope(double x) const {
    return x < -clip || x > clip ? 0 : function->slope(std::clamp(x, -clip, clip), alpha, beta);
  }
};

/// What the attributes activations, activation_alpha, activation_beta and clip say: for each direction as many
/// functions as there are `defaults`, which serve when none are named.
std::vector<GateActivation> gate_activations(const NodeView& a, int64_t directions,
                                             std::span<const std::string_view> defaults);

}  // namespace dunlin::ops
