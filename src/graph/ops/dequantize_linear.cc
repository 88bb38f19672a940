#include "graph/autodiff/grad.h"
#include "graph/ops/channels.h"
#include "graph/ops/quantize.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "u8[2,3]@0..255 f32[]@1..2 u8[]{128}"},
    {"", "i8[2,3,2]@-128..127 f32[3]@1..2 i8{-1,0,7}", 13},
    {"axis=0", "u16[2,3]@0..999 f32[2]@1..2"},
    {"axis=-2", "i8[4]{1,2,3,4} f32[1]@1..2 i8[1]{-9}"},
    {"axis=1 block_size=2", "i8[2,3]@-9..9 f32[2,2]{0.1,0.02,3,1} i8[2,2]{0,5,-5,1}"},
    {"", "i32[4]@-900..900 f32[]@1..2", 10},
    {"output_dtype=10", "u8[2,3]@0..255 f32[]@1..2 u8[]{128}"},
};

void forward(const OpCall& c) {
  const ScaledValues v = scaled_values(c);
  for_float_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < v.x.size(); ++i) {
      const size_t s = v.index.at(i);
      y[i] = from_double<T>((v.x[i] - v.zero(s)) * v.scales[s]);
    }
  });
}

/// y is linear in the scale; x is made of integers and has no gradient.
void gradient(Grad& g) {
  if (!g.needs(1)) return;
  const Type x = g.graph().type(g.in(0)), scale = g.graph().type(g.in(1));
  if (!x.shape || !scale.shape || !scale.shape->known())
    g.unsupported("rank of x and shape of the scale must be known to differentiate");
  if (g.attr_int("block_size", 0) != 0) g.unsupported("the gradient of scales of blocks is not supported");
  const ValueId ones = g.add(g.emit("ZerosLike", {g.in(1)}), g.constant(1, g.in(1)));
  ValueId d = g.mul(g.out_grad(0), g.emit("DequantizeLinear", {g.in(0), ones, g.in(2)}, g.node().attributes));
  const bool one = scale.shape->num_elements() == 1;
  const int axis = one ? -1 : g.normalize_axis(g.attr_int("axis", 1), x.shape->rank());
  std::vector<int64_t> others;
  for (int k = 0; k < x.shape->rank(); ++k)
    if (k != axis) others.push_back(k);
  if (!others.empty()) d = g.emit("ReduceSum", {d, g.constant_ints(others)}, {{"keepdims", int64_t{0}}});
  g.to_input(1, g.emit("ReshapeLike", {d, g.in(1)}));
}

}  // namespace

/// x, scale, zero_point -> (x - zero_point) * scale, in the scale's type or the one of output_dtype.
extern constexpr OpDef kDequantizeLinear{
    .name = "DequantizeLinear",
    .since = 10,
    .source = "ONNX DequantizeLinear",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          if (a.format(0) != &formats::kI32) check_quantized(a, "x", a.format(0), true);
          if (a.has_input(2) && a.format(2) && a.format(0) && a.format(2) != a.format(0))
            a.error("x is {}, the zero point {}: one type is expected", a.format(0)->name, a.format(2)->name);
          check_scales(a);
          const Format format = format_attribute(a, "output_dtype", a.format(1));
          if (format && (format->kind != FormatDef::Kind::kFloat || format->narrow))
            a.unsupported("the output is {}, f32, f64, f16 or bf16 is supported: output_dtype gives it",
                          format->name);
          return std::vector<Type>{{.format = format, .shape = a.type(0).shape}};
        },
    .forward = forward,
    .gradient = gradient,
    .narrow_inputs = 0b111,
    .samples = kSamples};

}  // namespace dunlin::ops
