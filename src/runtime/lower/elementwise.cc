// Functions of one or two values, and the gradients of activations. Dense operands may lie in any one order;
// broadcasting is a loop nest over the output's own order.
#include "graph/ops/elementwise.h"

#include <limits>

#include "graph/activation.h"

#include "kernels/pointwise/binary.h"
#include "kernels/pointwise/unary.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

Lowered dense(const LowerContext& c, std::string kernel, Kernel run) {
  const Layout layout = c.layout_like({0, 1});
  return {.kernel = std::move(kernel),
          .run = std::move(run),
          .in = {layout, layout},
          .out = {layout},
          .in_place = 0b11};
}

/// Whether the step makes bf16 of bf16.
bool is_narrow_step(const LowerContext& c) { return c.wants_narrow(0) && (c.is_narrow(0) || c.is_narrow(1)); }

template <UnaryOp op, typename T>
Lowered unary_step_of(const LowerContext& c) {
  const size_t n = elements(c.shape(0));
  const Isa isa = c.isa();
  const float a = c.attr_float("alpha", 1);
  return dense(c, "unary",
               [=](const StepArgs& args) { unary(args.pool, isa, op, args.x<T>(0), args.y<T>(0), n, a); });
}

template <UnaryOp op>
std::optional<Lowered> unary_step(const LowerContext& c) {
  if (!c.all_f32()) return std::nullopt;
  if (!is_narrow_step(c)) return unary_step_of<op, float>(c);
  Lowered l = unary_step_of<op, BFloat16>(c);
  l.narrow_in = l.narrow_out = 1;
  return l;
}

template <typename T>
Lowered activation_step_of(const LowerContext& c, const Activation& act) {
  const size_t n = elements(c.shape(0));
  const Isa isa = c.isa();
  return dense(c, "activation",
               [=](const StepArgs& args) { activation(args.pool, isa, act, args.x<T>(0), args.y<T>(0), n); });
}

std::optional<Lowered> activation_step(const LowerContext& c) {
  if (c.format(0) != &formats::kF32) return std::nullopt;
  const auto act = activation_of(c, [&](int i) { return c.constant(i).get(); });
  if (!act) return std::nullopt;
  const bool narrow = is_narrow_step(c);
  Lowered l = narrow ? activation_step_of<BFloat16>(c, *act) : activation_step_of<float>(c, *act);
  l.narrow_in = l.narrow_out = narrow;
  l.in = {c.layout_like({0})};  // further inputs are constants that the activation has read
  l.out = l.in;
  l.in_place = 1;
  l.unread = ~1u;
  return l;
}

template <BinaryOp op, typename A, typename B, typename Y>
std::optional<Lowered> binary_step_of(const LowerContext& c) {
  const Isa isa = c.isa();
  const Shape& y = c.out_shape(0);
  const Shape& x0 = c.shape(0);
  const Shape x1 = ops::aligned_shape(c, x0, c.shape(1));
  const Layout layout = c.layout_like({0, 1});
  if (x0 == y && x1 == y) {
    const size_t n = elements(y);
    return Lowered{.kernel = "binary",
                   .run =
                       [=](const StepArgs& args) {
                         binary(args.pool, isa, op, args.x<A>(0), args.x<B>(1), args.y<Y>(0), n);
                       },
                   .in = {layout, layout},
                   .out = {layout},
                   .in_place = 0b11};
  }
  if (y.rank() > static_cast<int>(BroadcastDims::kMaxRank) - 1) return std::nullopt;
  // The output's axes in the order of its memory.
  std::vector<int> order;
  for (int d = 0; d < y.rank(); ++d) order.push_back(d);
  if (layout == Layout::kChannelsLast && !layouts_agree(y)) {
    order.erase(order.begin() + 1);
    order.push_back(1);
  }
  BroadcastDims dims;
  dims.rank = order.size();
  // An operand of the output's rank lies in the output's order; a shorter one is row major.
  const auto strides = [&](const Shape& x, Layout lies, std::array<ptrdiff_t, BroadcastDims::kMaxRank>& out) {
    const Strides s = strides_of(lies, x);
    for (size_t i = 0; i < order.size(); ++i) {
      const int axis = order[i] - (y.rank() - x.rank());
      out[i] = axis < 0 || x[axis] == 1 ? 0 : s[static_cast<size_t>(axis)];
    }
  };
  const Layout lies0 = x0.rank() == y.rank() ? layout : Layout::kRowMajor,
               lies1 = c.shape(1).rank() == y.rank() ? layout : Layout::kRowMajor;
  strides(x0, lies0, dims.a_strides);
  strides(x1, lies1, dims.b_strides);
  for (size_t i = 0; i < order.size(); ++i) dims.dims[i] = static_cast<size_t>(y[order[i]]);
  return Lowered{.kernel = "binary_broadcast",
                 .run =
                     [=](const StepArgs& args) {
                       binary_broadcast(args.pool, isa, op, dims, args.x<A>(0), args.x<B>(1), args.y<Y>(0));
                     },
                 .in = {lies0, lies1},
                 .out = {layout},
                 .in_place = (x0 == y ? 1u : 0u) | (x1 == y ? 2u : 0u)};
}

/// In bf16 a constant stays f32: it is small, and often exact there alone.
template <BinaryOp op>
std::optional<Lowered> binary_step(const LowerContext& c) {
  if (!c.all_f32() || c.num_inputs() != 2) return std::nullopt;
  if (!is_narrow_step(c)) return binary_step_of<op, float, float, float>(c);
  auto l = c.constant(0)   ? binary_step_of<op, float, BFloat16, BFloat16>(c)
           : c.constant(1) ? binary_step_of<op, BFloat16, float, BFloat16>(c)
                           : binary_step_of<op, BFloat16, BFloat16, BFloat16>(c);
  if (!l) return l;
  l->narrow_in = (c.constant(0) ? 0u : 1u) | (c.constant(1) ? 0u : 2u);
  l->in_place &= l->narrow_in;
  l->narrow_out = 1;
  return l;
}

/// The forward activation whose gradient the node is; Clip's bounds are inputs 2 and 3.
std::optional<Activation> differentiated(const LowerContext& c) {
  const std::string& op = c.node().op;
  if (op == "ReluGrad") return Activation::relu();
  if (op == "LeakyReluGrad") return Activation::leaky_relu(c.attr_float("alpha", 0.01f));
  if (op == "HardSigmoidGrad")
    return Activation::hard_sigmoid(c.attr_float("alpha", 0.2f), c.attr_float("beta", 0.5f));
  if (op == "HardSwishGrad") return Activation{ActivationKind::kHardSwish, 0, 0};
  if (op == "SigmoidGrad") return Activation{ActivationKind::kSigmoid, 0, 0};
  if (op == "TanhGrad") return Activation{ActivationKind::kTanh, 0, 0};
  if (op == "GeluGrad") return gelu(c);
  if (op != "ClipGrad") return std::nullopt;
  float bounds[] = {-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()};
  for (int i : {2, 3}) {
    if (!c.has_input(i)) continue;
    if (!c.constant(i) || c.constant(i)->num_elements() != 1) return std::nullopt;
    bounds[i - 2] = static_cast<float>(to_scalar(*c.constant(i)));
  }
  return with_bounds_inside(Activation::clip(bounds[0], bounds[1]));
}

using ActivationGrad = void (*)(ThreadPool&, Isa, const Activation&, const float*, const float*, float*,
                                size_t);

/// dy, x of dunlin.Activation.
std::optional<Lowered> activation_grad_step(const LowerContext& c) {
  if (!c.all_f32()) return std::nullopt;
  const Activation act = activation_attribute(c);
  const size_t n = elements(c.shape(0));
  const Isa isa = c.isa();
  return dense(c, "activation_grad", [=](const StepArgs& args) {
    activation_grad(args.pool, isa, act, args.x(0), args.x(1), args.y(0), n);
  });
}

/// dy and the activation's input or output -> dx.
template <ActivationGrad grad>
std::optional<Lowered> grad_step(const LowerContext& c) {
  if (!c.all_f32() || c.shape(0) != c.shape(1)) return std::nullopt;
  const auto act = differentiated(c);
  if (!act) return std::nullopt;
  const size_t n = elements(c.shape(0));
  const Isa isa = c.isa();
  Lowered l = dense(c, "activation_grad", [=](const StepArgs& args) {
    grad(args.pool, isa, *act, args.x(0), args.x(1), args.y(0), n);
  });
  l.unread = ~0b11u;  // bounds have been read
  return l;
}

constexpr LowerEntry kEntries[] = {
    {"", "Abs", unary_step<UnaryOp::kAbs>, InBf16::kFollows},
    {"", "Add", binary_step<BinaryOp::kAdd>, InBf16::kFollows},
    {"", "Ceil", unary_step<UnaryOp::kCeil>, InBf16::kFollows},
    {"", "Clip", activation_step, InBf16::kFollows},
    {"", "Div", binary_step<BinaryOp::kDiv>, InBf16::kFollows},
    {"", "Elu", unary_step<UnaryOp::kElu>, InBf16::kFollows},
    {"", "Erf", unary_step<UnaryOp::kErf>, InBf16::kFollows},
    {"", "Exp", unary_step<UnaryOp::kExp>, InBf16::kFollows},
    {"", "Floor", unary_step<UnaryOp::kFloor>, InBf16::kFollows},
    {"", "Gelu", activation_step, InBf16::kFollows},
    {"", "HardSigmoid", activation_step, InBf16::kFollows},
    {"", "HardSwish", activation_step, InBf16::kFollows},
    {"", "LeakyRelu", activation_step, InBf16::kFollows},
    {"", "Log", unary_step<UnaryOp::kLog>, InBf16::kFollows},
    {"", "Max", binary_step<BinaryOp::kMax>, InBf16::kFollows},
    {"", "Mish", activation_step, InBf16::kFollows},
    {"", "Min", binary_step<BinaryOp::kMin>, InBf16::kFollows},
    {"", "Mul", binary_step<BinaryOp::kMul>, InBf16::kFollows},
    {"", "Neg", unary_step<UnaryOp::kNeg>, InBf16::kFollows},
    {"", "Pow", binary_step<BinaryOp::kPow>, InBf16::kFollows},
    {"", "Reciprocal", unary_step<UnaryOp::kReciprocal>, InBf16::kFollows},
    {"", "Relu", activation_step, InBf16::kFollows},
    {"", "Round", unary_step<UnaryOp::kRound>, InBf16::kFollows},
    {"", "Sigmoid", activation_step, InBf16::kFollows},
    {"", "Sign", unary_step<UnaryOp::kSign>, InBf16::kFollows},
    {"", "Softplus", unary_step<UnaryOp::kSoftplus>, InBf16::kFollows},
    {"", "Sqrt", unary_step<UnaryOp::kSqrt>, InBf16::kFollows},
    {"", "Sub", binary_step<BinaryOp::kSub>, InBf16::kFollows},
    {"", "Sum", binary_step<BinaryOp::kAdd>, InBf16::kFollows},
    {"", "Swish", activation_step, InBf16::kFollows},
    {"", "Tanh", activation_step, InBf16::kFollows},
    {kDunlinDomain, "ActivationGrad", activation_grad_step},
    {kDunlinDomain, "ClipGrad", grad_step<activation_grad>},
    {kDunlinDomain, "GeluGrad", grad_step<activation_grad>},
    {kDunlinDomain, "HardSigmoidGrad", grad_step<activation_grad>},
    {kDunlinDomain, "HardSwishGrad", grad_step<activation_grad>},
    {kDunlinDomain, "LeakyReluGrad", grad_step<activation_grad>},
    {kDunlinDomain, "ReluGrad", grad_step<activation_grad_from_output>},
    {kDunlinDomain, "SigmoidGrad", grad_step<activation_grad_from_output>},
    {kDunlinDomain, "TanhGrad", grad_step<activation_grad_from_output>},
    {kDunlinDomain, "Activation", activation_step, InBf16::kFollows},
};

}  // namespace

std::span<const LowerEntry> elementwise() { return kEntries; }

}  // namespace dunlin::lower
