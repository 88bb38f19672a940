#include "graph/activation.h"

#include <algorithm>
#include <cmath>

namespace dunlin {

namespace {

struct Name {
  std::string_view name;
  ActivationKind kind;
};
constexpr Name kNames[] = {
    {"Clip", ActivationKind::kClip},
    {"LeakyRelu", ActivationKind::kLeakyRelu},
    {"HardSigmoid", ActivationKind::kHardSigmoid},
    {"HardSwish", ActivationKind::kHardSwish},
    {"Sigmoid", ActivationKind::kSigmoid},
    {"Silu", ActivationKind::kSilu},
    {"Tanh", ActivationKind::kTanh},
    {"Gelu", ActivationKind::kGelu},
    {"GeluTanh", ActivationKind::kGeluTanh},
    {"Mish", ActivationKind::kMish},
};

constexpr double kGeluInner = 0.79788456080286535588;  // sqrt(2 / pi)
constexpr double kGeluCube = 0.044715;

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace

Activation activation_attribute(const NodeView& a) {
  const std::string name = a.attr_string("activation", "");
  if (name.empty()) return Activation::none();
  for (const Name& n : kNames)
    if (n.name == name) return {n.kind, a.attr_float("activation_a", 0), a.attr_float("activation_b", 0)};
  a.unsupported("activation {} is not known", name);
}

void set_activation(Node& node, const Activation& activation) {
  for (const Name& n : kNames)
    if (n.kind == activation.kind) {
      node.attributes["activation"] = std::string(n.name);
      node.attributes["activation_a"] = activation.a;
      node.attributes["activation_b"] = activation.b;
    }
}

Activation gelu(const NodeView& a) {
  const std::string form = a.attr_string("approximate", "none");
  if (form != "none" && form != "tanh") a.error("approximate is {}, none or tanh is expected", form);
  return {form == "tanh" ? ActivationKind::kGeluTanh : ActivationKind::kGelu, 0, 0};
}

std::optional<Activation> activation_of(const NodeView& a,
                                        const std::function<const Tensor*(int)>& constant) {
  const std::string& op = a.node().op;
  if (a.node().domain == kDunlinDomain)
    return op == "Activation" ? std::optional(activation_attribute(a)) : std::nullopt;
  if (!a.node().domain.empty()) return std::nullopt;
  if (op == "Relu") return Activation::relu();
  if (op == "LeakyRelu") return Activation::leaky_relu(a.attr_float("alpha", 0.01f));
  if (op == "HardSigmoid")
    return Activation::hard_sigmoid(a.attr_float("alpha", 0.2f), a.attr_float("beta", 0.5f));
  if (op == "HardSwish") return Activation{ActivationKind::kHardSwish, 0, 0};
  if (op == "Sigmoid") return Activation{ActivationKind::kSigmoid, 0, 0};
  if (op == "Tanh") return Activation{ActivationKind::kTanh, 0, 0};
  if (op == "Gelu") return gelu(a);
  if (op == "Mish") return Activation{ActivationKind::kMish, 0, 0};
  if (op == "Swish" && a.attr_float("alpha", 1) == 1) return Activation{ActivationKind::kSilu, 0, 0};
  if (op == "Clip") {  // bounds are attributes before opset 11, inputs since
    constexpr float kInf = std::numeric_limits<float>::infinity();
    float bounds[] = {a.attr_float("min", -kInf), a.attr_float("max", kInf)};
    for (int i : {1, 2}) {
      if (!a.has_input(i)) continue;
      const Tensor* t = constant(i);
      if (!t || t->num_elements() != 1) return std::nullopt;
      bounds[i - 1] = static_cast<float>(to_scalar(*t));
    }
    return Activation::clip(bounds[0], bounds[1]);
  }
  return std::nullopt;
}

double apply(const Activation& act, double x) {
  const double a = static_cast<double>(act.a), b = static_cast<double>(act.b);
  switch (act.kind) {
    case ActivationKind::kNone:
      return x;
    case ActivationKind::kClip:
      return std::isnan(x) ? x : std::min(std::max(x, a), b);
    case ActivationKind::kLeakyRelu:
      return x < 0 ? a * x : x;
    case ActivationKind::kHardSigmoid:
      return std::min(std::max(a * x + b, 0.0), 1.0);
    case ActivationKind::kHardSwish:
      return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
    case ActivationKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case ActivationKind::kSilu:
      return x / (1 + std::exp(-x));
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case ActivationKind::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(kGeluInner * (x + kGeluCube * x * x * x)));
    case ActivationKind::kMish:
      return x * std::tanh(softplus(x));
  }
  return x;
}

double derivative(const Activation& act, double x) {
  const double a = static_cast<double>(act.a), b = static_cast<double>(act.b);
  const auto sigmoid = [&] { return 1 / (1 + std::exp(-x)); };
  switch (act.kind) {
    case ActivationKind::kNone:
      return 1;
    case ActivationKind::kClip:
      return x > a && x < b ? 1 : 0;
    case ActivationKind::kLeakyRelu:
      return x > 0 ? 1 : a;
    case ActivationKind::kHardSigmoid:
      return a * x + b > 0 && a * x + b < 1 ? a : 0;
    case ActivationKind::kHardSwish:
      return x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5;
    case ActivationKind::kSigmoid:
      return sigmoid() * (1 - sigmoid());
    case ActivationKind::kSilu:
      return sigmoid() * (1 + x * (1 - sigmoid()));
    case ActivationKind::kTanh:
      return 1 - std::tanh(x) * std::tanh(x);
    case ActivationKind::kGelu:
      return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
    case ActivationKind::kGeluTanh: {
      const double t = std::tanh(kGeluInner * (x + kGeluCube * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kGeluInner * (1 + 3 * kGeluCube * x * x);
    }
    case ActivationKind::kMish: {
      const double t = std::tanh(softplus(x));
      return t + x * (1 - t * t) * sigmoid();
    }
  }
  return 1;
}

Activation with_bounds_inside(Activation clip) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  return Activation::clip(std::nextafter(clip.a, -kInf), std::nextafter(clip.b, kInf));
}

}  // namespace dunlin
