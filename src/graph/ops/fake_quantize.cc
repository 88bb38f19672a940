#include "graph/ops/fake_quantize.h"

#include "graph/autodiff/grad.h"

namespace dunlin::ops {

namespace {

// Where a difference quotient sees no steps: beyond the integers, and scales so small that all is beyond.
constexpr Sample kSamples[] = {
    {"to=2", "f32[2,3]@30..90 f32[]{0.05} u8[]{128}"},
    {"to=3 axis=1", "f32[2,3,2]@-90..-40 f32{0.1,0.02,0.25} i8{-1,0,7}"},
    {"to=5 axis=1 block_size=2", "f32[2,3]{1,-2,40,0,0.5,3} f32[2,2]{0.1,0.02,3,1} i16[2,2]{0,5,-5,100}"},
    {"to=3", "f32[5]{0.024,0.026,-7,6.34,6.36} f32[1]{0.05}"},
};

}  // namespace

/// DequantizeLinear of QuantizeLinear to the integers `to`: x, scale, zero_point (optional) -> like x. Its
/// gradient goes straight through where x is within what the integers reach, and is 0 beyond.
extern constexpr OpDef kFakeQuantize{
    .name = "FakeQuantize",
    .domain = kDunlinDomain,
    .source = "Jacob et al. 2018, section 3; straight-through: Bengio et al. 2013",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          quantized_to(a);
          check_scales(a);
          return std::vector<Type>{a.type(0)};
        },
    .forward =
        [](const OpCall& c) {
          const ScaledValues v = scaled_values(c);
          std::vector<double> y(v.x.size());
          for_each_quantized(
              c, v, [&](size_t i, size_t s, double q, bool) { y[i] = (q - v.zero(s)) * v.scales[s]; });
          store_doubles(c, 0, y);
        },
    .gradient =
        [](Grad& g) {
          // The input comes first, as QuantizeLinear's does.
          g.to_input(
              0, g.emit("FakeQuantizeGrad", {g.in(0), g.in(1), g.in(2), g.out_grad(0)}, g.node().attributes));
        },
    .narrow_inputs = 0b110,  // scales and zero points
    .samples = kSamples};

}  // namespace dunlin::ops
