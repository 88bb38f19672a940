#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,5] i64[]{1}"},
                               {"exclusive=1 reverse=1", "f32[3,2] i64[1]{-2}"},
                               {"", "i32[6]@0..9 i32[]{0}"}};
}

extern constexpr OpDef kCumSum{
    .name = "CumSum",
    .since = 11,
    .source = "ONNX CumSum",
    .inputs = 2,
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const Shape& s = c.input(0).shape();
          const int axis = c.normalize_axis(one_integer(c, "axis", c.input(1)), s.rank());
          const bool exclusive = c.attr_int("exclusive", 0) != 0, reverse = c.attr_int("reverse", 0) != 0;
          int64_t outer = 1, inner = 1;
          for (int d = 0; d < axis; ++d) outer *= s[d];
          for (int d = axis + 1; d < s.rank(); ++d) inner *= s[d];
          for_format(c.input(0).format(), [&]<typename T>() {
            const auto x = c.in<T>(0);
            const auto y = c.out<T>(0);
            for (int64_t o = 0; o < outer; ++o)
              for (int64_t k = 0; k < inner; ++k) {
                ComputeType<T> sum{};
                for (int64_t i = 0; i < s[axis]; ++i) {
                  const size_t at =
                      static_cast<size_t>((o * s[axis] + (reverse ? s[axis] - 1 - i : i)) * inner + k);
                  const ComputeType<T> before = sum;
                  sum = wrapping::add(sum, static_cast<ComputeType<T>>(x[at]));
                  y[at] = static_cast<T>(exclusive ? before : sum);
                }
              }
          });
        },
    .gradient =
        [](Grad& g) {
          Attributes attributes = g.node().attributes;
          attributes["reverse"] = int64_t{g.attr_int("reverse", 0) == 0};
          g.to_input(0, g.emit("CumSum", {g.out_grad(0), g.in(1)}, std::move(attributes)));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
