#include "graph/ops/fake_quantize.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"to=2", "f32[2,3]@-9..9 f32[]{0.05} u8[]{128} f32[2,3]"},
    {"to=3 axis=-1", "f32[2,3]@-9..9 f32{0.1,0.02,0.25} _ f32[2,3]"},
};
}

/// dx of FakeQuantize: x, scale, zero_point, dy -> dy where x is within what the integers reach, else 0.
extern constexpr OpDef kFakeQuantizeGrad{
    .name = "FakeQuantizeGrad",
    .domain = kDunlinDomain,
    .source = "straight-through estimator (Bengio et al. 2013)",
    .inputs = 4,
    .optional_inputs = 0b100,
    .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(0)}; },
    .forward =
        [](const OpCall& c) {
          const ScaledValues v = scaled_values(c);
          std::vector<double> dx = to_doubles(c.input(3));
          if (dx.size() != v.x.size())
            c.error("dy is {}, x {}", to_string(c.input(3).shape()), to_string(c.input(0).shape()));
          for_each_quantized(c, v, [&](size_t i, size_t, double, bool inside) {
            if (!inside) dx[i] = 0;
          });
          store_doubles(c, 0, dx);
        },
    .narrow_inputs = 0b110,  // scales and zero points
    .samples = kSamples};

}  // namespace dunlin::ops
