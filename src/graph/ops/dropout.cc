#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]", 21, 2},
    {"", "f32[2,3,4] f32[]{0.3} bool[]{1}", 21, 2},
    {"", "f32[2,3] f32[]{0} bool[]{1}", 12, 2},
    {"", "f32[2,3] f32[]{0.3} bool[]{0}", 13, 2},
};
constexpr Sample kSamples10[] = {{"ratio=0.3", "f32[2,3]", 7}, {"ratio=0.3", "f32[2,3]", 10, 2}};
constexpr Sample kSamples6[] = {{"ratio=0.3 is_test=1", "f32[2,3]", 6}, {"ratio=0.3", "f32[2,3]", 6, 2}};

/// Whether elements are dropped. Since opset 12 an input says so, from 7 on never, before that the attribute
/// is_test.
bool trains(const OpCall& c) {
  if (c.opset() >= 12) return c.has_input(2) && one_number(c, "training_mode", c.input(2)) != 0;
  return c.opset() < 7 && c.attr_int("is_test", 0) == 0;
}

double ratio_of(const OpCall& c) {
  const double ratio =
      c.has_input(1) ? one_number(c, "ratio", c.input(1)) : double{c.attr_float("ratio", 0.5f)};
  if (!(ratio >= 0 && ratio < 1)) c.error("the ratio is {}, [0, 1) is expected", ratio);
  return ratio;
}

std::vector<Type> infer(const InferArgs& a) {
  const Tensor* training = a.constant(2);
  if (a.format(0) && a.format(0)->narrow && a.has_input(2) &&
      !(training && one_number(a, "training_mode", *training) == 0))
    a.unsupported("input 0 is {}; in training floats of 16 bits and more are supported", a.format(0)->name);
  const Format mask = a.opset() >= 10 ? &formats::kBool : a.format(0);
  return {a.type(0), {.format = mask, .shape = a.type(0).shape}};
}

void forward(const OpCall& c) {
  const double ratio = trains(c) ? ratio_of(c) : 0;
  std::vector<char> keep(static_cast<size_t>(c.input(0).num_elements()), 1);
  if (ratio > 0) {
    Philox random = c.random();
    for (char& k : keep) k = random.uniform() >= static_cast<float>(ratio);
    for_float_format(c.input(0).format(), [&]<typename T>() {
      const auto x = c.in<T>(0);
      const auto y = c.out<T>(0);
      for (size_t i = 0; i < keep.size(); ++i)
        y[i] = keep[i] ? from_double<T>(to_double(x[i]) / (1 - ratio)) : T{};
    });
  } else {
    copy_logical(c.input(0), c.output(0));
  }
  if (!c.has_output(1)) return;
  for_format(c.output(1).format(), [&]<typename M>() {
    const auto mask = c.out<M>(1);
    for (size_t i = 0; i < keep.size(); ++i) mask[i] = from_double<M>(keep[i]);
  });
}

void gradient(Grad& g) {
  const bool may_train = g.opset() >= 12 ? g.has_input(2) : g.opset() < 7 && g.attr_int("is_test", 0) == 0;
  if (!may_train) return g.to_input(0, g.out_grad(0));
  if (g.opset() < 12 || !g.has_output(1))
    g.unsupported("the mask must be an output to differentiate (to_training_mode adds it)");
  g.to_input(0, g.emit("DropoutGrad", {g.out_grad(0), g.out(1), g.in(1), g.in(2)}));
}

constexpr OpDef definition(int since, Arity inputs, std::span<const Sample> samples, const OpDef* older) {
  return {.name = "Dropout",
          .since = since,
          .source = "ONNX Dropout: kept elements are divided by 1 - ratio",
          .inputs = inputs,
          .outputs = {1, 2},
          .infer = infer,
          .forward = forward,
          .gradient = since >= 12 || since == 7 ? gradient : nullptr,
          .random = true,
          .narrow_inputs = since >= 12 ? 1u : 0u,  // outside training
          .samples = samples,
          .older = older};
}
constexpr OpDef kOpset1 = definition(1, 1, kSamples6, nullptr);
constexpr OpDef kOpset7 = definition(7, 1, kSamples10, &kOpset1);

}  // namespace

/// Element i in row-major order is kept when the i-th OpCall::random().uniform() is at least the ratio.
extern constexpr OpDef kDropout = definition(12, {1, 3}, kSamples, &kOpset7);

}  // namespace dunlin::ops
