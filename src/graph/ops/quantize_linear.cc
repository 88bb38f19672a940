#include "graph/ops/channels.h"
#include "graph/ops/quantize.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3]@-9..9 f32[]{0.05} u8[]{128}"},
    {"", "f32[2,3,2]@-9..9 f32{0.1,0.02,3} i8{-1,0,7}", 13},
    {"axis=-1", "f32[2,3]@-9..9 f32{0.1,0.02,3}"},
    {"axis=1 block_size=2", "f32[2,3]@-9..9 f32[2,2]{0.1,0.02,3,1} i16[2,2]{0,5,-5,100}"},
    {"output_dtype=3", "f32[5]@-9..9 f32[1]{0.05}"},
    {"", "i32[4]@-900..900 f32[]{2}", 10},
};

Format quantized(const InferArgs& a) {
  const Format asked = format_attribute(a, "output_dtype", nullptr);
  if (!a.has_input(2)) return asked ? asked : &formats::kU8;
  if (asked && a.format(2) && asked != a.format(2))
    a.error("output_dtype is {}, the zero point {}", asked->name, a.format(2)->name);
  return a.format(2);
}

void forward(const OpCall& c) {
  const ScaledValues v = scaled_values(c);
  const Format from = c.input(0).format();
  // Divided as the standard's inputs are: a tie in float may be none in double.
  const bool as_float = from->kind == FormatDef::Kind::kFloat && from != &formats::kF64;
  for_quantized_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < v.x.size(); ++i) {
      const size_t s = v.index.at(i);
      const double ratio =
          as_float ? static_cast<float>(v.x[i]) / static_cast<float>(v.scales[s]) : v.x[i] / v.scales[s];
      y[i] = saturate<T>(std::nearbyint(ratio) + v.zero(s));
    }
  });
}

}  // namespace

/// x, scale, zero_point (which gives the type) -> nearest(x / scale) + zero_point, saturated.
extern constexpr OpDef kQuantizeLinear{
    .name = "QuantizeLinear",
    .since = 10,
    .source = "ONNX QuantizeLinear",
    .infer =
        [](const InferArgs& a) {
          const Format format = quantized(a);
          check_quantized(a, "the output", format, true);
          check_scales(a);
          return std::vector<Type>{{.format = format, .shape = a.type(0).shape}};
        },
    .forward = forward,
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
