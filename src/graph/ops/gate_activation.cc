#include "graph/ops/gate_activation.h"

#include <cmath>
#include <limits>

#include "graph/activation.h"

namespace dunlin::ops {

namespace {

/// Those that the kernels know too.
template <ActivationKind kKind>
double value_of(double x, double a, double b) {
  return apply({kKind, static_cast<float>(a), static_cast<float>(b)}, x);
}
template <ActivationKind kKind>
double slope_of(double x, double a, double b) {
  return derivative({kKind, static_cast<float>(a), static_cast<float>(b)}, x);
}

double sigmoid(double x) { return value_of<ActivationKind::kSigmoid>(x, 0, 0); }

double elu(double x, double a, double) { return x > 0 ? x : a * std::expm1(x); }
double elu_slope(double x, double a, double) { return x > 0 ? 1 : a * std::exp(x); }
double scaled_tanh_slope(double x, double a, double b) {
  const double t = std::tanh(b * x);
  return a * b * (1 - t * t);
}
double softplus(double x, double, double) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double softsign_slope(double x, double, double) { return 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x))); }

constexpr GateFunction kFunctions[] = {
    {"Sigmoid", value_of<ActivationKind::kSigmoid>, slope_of<ActivationKind::kSigmoid>},
    {"Tanh", value_of<ActivationKind::kTanh>, slope_of<ActivationKind::kTanh>},
    {"Relu", [](double x, double, double) { return apply(Activation::relu(), x); },
     [](double x, double, double) { return derivative(Activation::relu(), x); }},
    {"Affine", [](double x, double a, double b) { return a * x + b; },
     [](double, double a, double) { return a; }, 1.f, 0.f},
    {"LeakyRelu", value_of<ActivationKind::kLeakyRelu>, slope_of<ActivationKind::kLeakyRelu>, 0.01f},
    {"ThresholdedRelu", [](double x, double a, double) { return x >= a ? x : 0; },
     [](double x, double a, double) { return x >= a ? 1.0 : 0.0; }, 1.f},
    {"ScaledTanh", [](double x, double a, double b) { return a * std::tanh(b * x); }, scaled_tanh_slope, 1.f,
     1.f},
    {"HardSigmoid", value_of<ActivationKind::kHardSigmoid>, slope_of<ActivationKind::kHardSigmoid>, 0.2f,
     0.5f},
    {"Elu", elu, elu_slope, 1.f},
    {"Softsign", [](double x, double, double) { return x / (1 + std::fabs(x)); }, softsign_slope},
    {"Softplus", softplus, [](double x, double, double) { return sigmoid(x); }},
};

const GateFunction& find_function(const NodeView& a, std::string_view name) {
  std::string known;
  for (const GateFunction& f : kFunctions) {
    if (f.name == name) return f;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", f.name);
  }
  a.unsupported("activations holds \"{}\", one of {} is expected", name, known);
}

/// The numbers of an attribute, handed out in order to the functions that have such a number.
class Numbers {
 public:
  Numbers(const NodeView& a, std::string_view name)
      : list_(find_attribute<std::vector<float>>(a.node(), name)) {}
  double next(std::optional<float> otherwise) {
    if (!otherwise) return 0;
    return static_cast<double>(list_ && used_ < list_->size() ? (*list_)[used_++] : *otherwise);
  }

 private:
  const std::vector<float>* list_;
  size_t used_ = 0;
};

}  // namespace

std::vector<GateActivation> gate_activations(const NodeView& a, int64_t directions,
                                             std::span<const std::string_view> defaults) {
  const size_t count = static_cast<size_t>(directions) * defaults.size();
  const auto* names = find_attribute<std::vector<std::string>>(a.node(), "activations");
  const bool named = names && !names->empty();
  if (named && names->size() != count)
    a.error("activations holds {} functions, {} are expected: {} for each direction", names->size(), count,
            defaults.size());
  const float clip = a.attr_float("clip", std::numeric_limits<float>::infinity());
  if (!(clip > 0)) a.error("clip is {}, a number above 0 is expected", clip);
  Numbers alpha(a, "activation_alpha"), beta(a, "activation_beta");
  std::vector<GateActivation> out(count);
  for (size_t i = 0; i < count; ++i) {
    const GateFunction& f = find_function(a, named ? (*names)[i] : defaults[i % defaults.size()]);
    out[i] = {&f, alpha.next(f.alpha), beta.next(f.beta), static_cast<double>(clip)};
  }
  return out;
}

}  // namespace dunlin::ops
