#include <algorithm>
#include <limits>

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]@-3..3 f32[]{-1} f32[]{1.5}"},
    {"", "f32[7]@-3..3 _ f32[]{1}"},
    {"", "f32[7]@-3..3 f32[]{0}"},
    {"", "f32[2,9]@-3..3 f32[]@-2..-1 f32[]@1..2"},
    {"", "f32[9]@-3..3 f32[]@1..2 f32[]@-1..0"},
    {"", "i8[4]@-9..9 i8[]{-3} i8[]{3}"},
};
constexpr Sample kSamples6[] = {{"min=-1.0 max=1.5", "f32[2,3]@-3..3", 6}, {"max=0.0", "f32[5]@-3..3", 6}};

/// Bounds are inputs since opset 11, attributes before.
void forward(const OpCall& c) {
  for_number_format(c.input(0).format(), [&]<typename T>() {
    using C = ComputeType<T>;
    using Limits = std::numeric_limits<C>;
    const auto limit = [&](int i, std::string_view name, C otherwise) -> C {
      if (c.has_input(i)) {
        check_one(c, name, c.input(i));
        return static_cast<C>(*c.input(i).data<T>());
      }
      return c.opset() < 11 && c.has_attr(name) ? static_cast<C>(c.attr_float(name, 0)) : otherwise;
    };
    const bool infinite = Limits::has_infinity;
    const C lo = limit(1, "min", infinite ? -Limits::infinity() : Limits::lowest());
    const C hi = limit(2, "max", infinite ? Limits::infinity() : Limits::max());
    // In this order: where min > max, everything is max.
    map_unary<T>(c, [=](C x) { return std::min(std::max(x, lo), hi); });
  });
}

void gradient(Grad& g) {
  const auto limit = [&](int i, std::string_view name) {
    if (g.has_input(i)) return g.in(i);
    return g.opset() < 11 && g.has_attr(name) ? g.constant(g.attr_float(name, 0), g.in(0)) : kNoValue;
  };
  const ValueId x = g.in(0), dy = g.out_grad(0), lo = limit(1, "min"), hi = limit(2, "max");
  if (g.needs(0)) g.to_input(0, g.emit("ClipGrad", {dy, x, lo, hi}));
  // Where a bound is the result, it takes the gradient.
  const auto give = [&](int i, ValueId taken) {
    g.to_input(i, g.reduce_to(g.emit("Where", {taken, dy, g.constant(0, dy)}), g.in(i)));
  };
  if (g.needs(2)) give(2, g.emit("Less", {hi, lo == kNoValue ? x : g.emit("Max", {x, lo})}));
  if (!g.needs(1)) return;
  const ValueId below = g.emit("Less", {x, lo});
  give(1, hi == kNoValue ? below : g.emit("And", {below, g.emit("Not", {g.emit("Less", {hi, lo})})}));
}

constexpr OpDef kOpset1{.name = "Clip",
                        .source = "ONNX Clip, bounds as attributes",
                        .inputs = 1,
                        .infer =
                            [](const InferArgs& a) {
                              check_float(a, 0);
                              return infer_same(a);
                            },
                        .forward = forward,
                        .gradient = gradient,
                        .samples = kSamples6};

}  // namespace

extern constexpr OpDef kClip{.name = "Clip",
                             .since = 11,
                             .source = "ONNX Clip",
                             .inputs = {1, 3},
                             .infer = infer_same,
                             .forward = forward,
                             .gradient = gradient,
                             .samples = kSamples,
                             .older = &kOpset1};

}  // namespace dunlin::ops
