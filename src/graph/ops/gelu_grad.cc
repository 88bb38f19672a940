#include <cmath>
#include <numbers>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3,5] f32[2,3,5]@-6..6"},
                               {"approximate='tanh'", "f32[7] f32[7]@-6..6"}};
constexpr double kTanhScale = 0.79788456080286535588;  // sqrt(2 / pi); its half is 1 / sqrt(2 pi)
}  // namespace

/// dy times the derivative of Gelu at x, in the form that attribute `approximate` names.
extern constexpr OpDef kGeluGrad{
    .name = "GeluGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX Gelu",
    .inputs = 2,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const bool tanh_form = c.attr_string("approximate", "none") == "tanh";
          for_float_format(c.input(0).format(), [&]<typename T>() {
            map_binary<T, T>(c, [=](auto dy, auto x) {
              using C = decltype(x);
              if (tanh_form) {
                const C t = std::tanh(C(kTanhScale) * (x + C(0.044715) * x * x * x));
                return dy * (C(0.5) * (1 + t) +
                             x / 2 * (1 - t * t) * C(kTanhScale) * (1 + 3 * C(0.044715) * x * x));
              }
              return dy * (C(0.5) * (1 + std::erf(x / std::numbers::sqrt2_v<C>)) +
                           x * std::exp(-x * x / 2) * C(kTanhScale) / 2);
            });
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
