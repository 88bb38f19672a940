#include <limits>

#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]@-3..3 f32[]{-1} f32[]{1}"},
                               {"", "f32[5] f32[5]@-3..3 _ f32[]{1}"},
                               {"", "f32[5] f32[5]@-3..3"}};
}

/// dx of Clip: dy, x, min (optional scalar), max (optional scalar) -> dy where min <= x <= max, else 0.
extern constexpr OpDef kClipGrad{
    .name = "ClipGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX Clip",
    .inputs = {2, 4},
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          constexpr double kInfinity = std::numeric_limits<double>::infinity();
          const double lo = c.has_input(2) ? one_number(c, "min", c.input(2)) : -kInfinity;
          const double hi = c.has_input(3) ? one_number(c, "max", c.input(3)) : kInfinity;
          for_float_format(c.input(0).format(), [&]<typename T>() {
            map_binary<T, T>(c, [=](auto dy, auto x) { return x >= lo && x <= hi ? dy : decltype(dy)(0); });
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
