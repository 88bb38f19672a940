#include "graph/ops/channels.h"
#include "graph/ops/movement.h"
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

/// The type that x is divided in.
Format precision_of(const NodeView& n, Format x, Format scale) {
  Format precision =
      x->kind != FormatDef::Kind::kFloat || x == &formats::kF64 ? &formats::kF64 : &formats::kF32;
  // Since then the scale's type decides, unless the node says otherwise.
  if (n.opset() >= 23) {
    if (is_plain(scale) && scale->kind == FormatDef::Kind::kFloat) precision = scale;
    precision = format_attribute(n, "precision", precision);
  }
  if (precision->kind != FormatDef::Kind::kFloat || precision->narrow)
    n.error("precision is {}, f32, f16, bf16 or f64 is expected", precision->name);
  return precision;
}

/// x / scale, divided as the standard's inputs are: a tie in float may be none in double.
class Quotient {
 public:
  explicit Quotient(const OpCall& c)
      : precision_(precision_of(c, c.input(0).format(), c.input(1).format())) {}
  double operator()(double x, double scale) const {
    if (precision_ == &formats::kF64) return x / scale;
    // A quotient of floats rounded to 16 bits is the quotient rounded once: 24 bits are twice 11 and two more.
    const float q = static_cast<float>(x) / static_cast<float>(scale);
    if (precision_ == &formats::kF16) return static_cast<float>(Half(q));
    return precision_ == &formats::kBF16 ? static_cast<float>(BFloat16(q)) : q;
  }

 private:
  Format precision_;
};

void forward(const OpCall& c) {
  const ScaledValues v = scaled_values(c);
  const Quotient quotient(c);
  const auto ratio = [&](size_t i) { return quotient(v.x[i], v.scales[v.index.at(i)]); };
  if (const NarrowCodec* codec = c.output(0).format()->narrow) {
    const bool saturated = c.attr_int("saturate", 1) != 0,
               whole = c.output(0).format()->kind != FormatDef::Kind::kFloat;
    const auto y = word_elements<uint8_t>(c.output(0));
    for (size_t i = 0; i < v.x.size(); ++i) {
      const double x = whole ? std::nearbyint(ratio(i)) : ratio(i);
      y[i] = codec->encode(x + v.zero(v.index.at(i)), saturated, Rounding::kNearest);
    }
    return;
  }
  for_quantized_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < v.x.size(); ++i)
      y[i] = saturate<T>(std::nearbyint(ratio(i)) + v.zero(v.index.at(i)));
  });
}

}  // namespace

/// x, scale, zero_point (which gives the type) -> nearest(x / scale) + zero_point, saturated.
extern constexpr OpDef kQuantizeLinear{
    .name = "QuantizeLinear",
    .since = 10,
    .source = "ONNX QuantizeLinear",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          const Format format = quantized(a);
          check_quantized(a, "the output", format, true);
          check_scales(a);
          if (a.format(0) && a.format(1)) precision_of(a, a.format(0), a.format(1));
          return std::vector<Type>{{.format = format, .shape = a.type(0).shape}};
        },
    .forward = forward,
    .stops_gradient = true,
    .narrow_inputs = 0b110,  // scales and zero points
    .samples = kSamples};

}  // namespace dunlin::ops
