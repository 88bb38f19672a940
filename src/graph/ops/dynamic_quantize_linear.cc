#include "graph/ops/quantize.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[2,3]@-9..9", 11, 3},
                               {"", "f32[4]@3..9", 21, 3},
                               {"", "f32{0,0}", 21, 3},
                               {"", "f32[0]", 21, 3}};

void forward(const OpCall& c) {
  const auto x = c.in<float>(0);
  float low = 0, high = 0;  // the range holds 0, so that 0 is exact
  for (size_t i = 0; i < x.size(); ++i) low = std::min(low, x[i]), high = std::max(high, x[i]);
  const float scale = (high - low) / 255;
  const auto zero_point = saturate<uint8_t>(scale == 0 ? 0 : -low / scale);
  const auto y = c.out<uint8_t>(0);
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = saturate<uint8_t>(scale == 0 ? 0 : std::nearbyint(x[i] / scale) + static_cast<float>(zero_point));
  if (c.has_output(1)) c.out<float>(1)[0] = scale;
  if (c.has_output(2)) c.out<uint8_t>(2)[0] = zero_point;
}

}  // namespace

/// x -> y (u8), y_scale, y_zero_point from x's own range.
extern constexpr OpDef kDynamicQuantizeLinear{
    .name = "DynamicQuantizeLinear",
    .since = 11,
    .source = "ONNX DynamicQuantizeLinear",
    .inputs = 1,
    .outputs = 3,
    .infer =
        [](const InferArgs& a) {
          if (a.format(0) && a.format(0) != &formats::kF32)
            a.unsupported("x is {}, f32 is supported", a.format(0)->name);
          return std::vector<Type>{{.format = &formats::kU8, .shape = a.type(0).shape},
                                   {.format = &formats::kF32, .shape = Shape{}},
                                   {.format = &formats::kU8, .shape = Shape{}}};
        },
    .forward = forward,
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
