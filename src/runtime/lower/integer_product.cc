// Convolutions and matrix products of bytes with constant weights, on the integer kernels. What does not fit them (a
// zero point of weights that takes them beyond 8 bits, sums beyond 32) runs by the reference.
#include <cmath>

#include "graph/ops/window.h"
#include "kernels/contraction/int8.h"
#include "kernels/depthwise/int8_depthwise.h"
#include "runtime/lower/constants.h"
#include "runtime/lower/conv_shape.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

/// Which input is which; -1 for what an op does not have.
struct Operands {
  int x = 0, x_scale = -1, x_zero = -1, w = 1, w_scale = -1, w_zero = -1, y_scale = -1, y_zero = -1,
      bias = -1;
};
constexpr Operands kScaled{.x = 0,
                           .x_scale = 1,
                           .x_zero = 2,
                           .w = 3,
                           .w_scale = 4,
                           .w_zero = 5,
                           .y_scale = 6,
                           .y_zero = 7,
                           .bias = 8};
constexpr Operands kSums{.x = 0, .x_zero = 2, .w = 1, .w_zero = 3};

/// Everything about a product but the sizes: what the sums are scaled by and what becomes of them.
struct Scaling {
  uint8_t x_zero;  ///< of x as unsigned bytes
  int32_t w_zero;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  Int8Output output;
};

std::optional<Int8Output> output_of(const LowerContext& c, const Operands& in) {
  using Kind = Int8Output::Kind;
  if (c.out_format(0) == &formats::kI32) return Int8Output{.kind = Kind::kInt32};
  if (c.out_format(0) == &formats::kF32)
    return Int8Output{.kind = Kind::kFloat, .lo = -HUGE_VALF, .hi = HUGE_VALF};
  return byte_output(c, in.y_zero);
}

std::optional<Scaling> scaling(const LowerContext& c, const Operands& in, const ConvShape& s) {
  if (!is_byte(c.format(in.x)) || !is_byte(c.format(in.w)) || !c.constant(in.w)) return std::nullopt;
  const auto output = output_of(c, in);
  const auto x_zero = constant_zero_point(c, in.x_zero, c.format(in.x)),
             w_zero = constant_zero_point(c, in.w_zero, c.format(in.w)),
             x_scale = constant_number(c, in.x_scale, 1), y_scale = constant_number(c, in.y_scale, 1);
  const auto w_scale = constant_numbers(c, in.w_scale, 1), bias = constant_numbers(c, in.bias, 0);
  if (!output || !x_zero || !w_zero || !x_scale || !y_scale || !w_scale || !bias) return std::nullopt;
  const auto channels = static_cast<size_t>(s.out_channels);
  if ((w_scale->size() != 1 && w_scale->size() != channels) ||
      (bias->size() != 1 && bias->size() != channels))
    return std::nullopt;
  Scaling out{.x_zero = static_cast<uint8_t>(*x_zero + (c.format(in.x) == &formats::kI8 ? 128 : 0)),
              .w_zero = static_cast<int32_t>(*w_zero),
              .output = *output};
  double most_bias = 0;
  for (size_t i = 0; i < channels; ++i) {
    const double b = (*bias)[bias->size() == 1 ? 0 : i], w = (*w_scale)[w_scale->size() == 1 ? 0 : i];
    most_bias = std::max(most_bias, std::fabs(b));
    out.bias.push_back(static_cast<int32_t>(b));
    out.scale.push_back(static_cast<float>(*x_scale * w / *y_scale));
    if (!std::isfinite(out.scale.back())) return std::nullopt;
  }
  const double reduction = static_cast<double>(s.in_channels / s.groups * s.taps());
  if (output->kind != Int8Output::Kind::kInt32 && reduction * 255 * 128 + most_bias > 0x7fffffff)
    return std::nullopt;
  return out;
}

/// The weights less their zero point; none when that takes more than 8 bits.
std::optional<std::vector<int8_t>> centred_weights(const Tensor& w, int32_t zero) {
  const Tensor dense = w.is_row_major() ? w.view() : w.clone();
  std::vector<int8_t> out(elements(w.shape()));
  bool fits = true;
  const auto from = [&]<typename T>(const T* p) {
    for (size_t i = 0; i < out.size(); ++i) {
      const int32_t v = int32_t{p[i]} - zero;
      fits &= v >= -128 && v <= 127;
      out[i] = static_cast<int8_t>(v);
    }
  };
  if (w.format() == &formats::kI8)
    from(dense.data<int8_t>());
  else
    from(dense.data<uint8_t>());
  if (!fits) return std::nullopt;
  return out;
}

/// x as unsigned bytes: itself, or its copy in scratch.
const uint8_t* unsigned_x(const StepArgs& args, size_t x, bool is_signed, size_t n) {
  if (!is_signed) return args.in[x]->data<uint8_t>();
  auto* flipped = reinterpret_cast<uint8_t*>(args.scratch);
  flip_signs(args.pool, args.in[x]->data<int8_t>(), flipped, n);
  return flipped;
}

std::byte* bytes_of(Tensor& t) { return t.plane(Plane::kPayload).data(); }

/// A product whose weights are packed; `pack(w, to)` packs `bytes` of them, and run(args, x, packed) computes.
template <typename Pack, typename MakeRun>
std::optional<Lowered> product(const LowerContext& c, const Operands& in, const ConvShape& s,
                               const Scaling& scale, const std::string& kernel, const std::string& kind,
                               size_t bytes, const Pack& pack, const MakeRun& make_run) {
  const TensorPtr source = c.constant(in.w);
  const auto weights = centred_weights(*source, scale.w_zero);
  if (!weights) return std::nullopt;
  const auto packed = c.packed().get(
      source, fmt::format("{} {} {} zero {}", to_string(c.isa()), kernel, kind, scale.w_zero), [&] {
        Tensor t(&formats::kU8, Shape{static_cast<int64_t>(bytes)});
        pack(weights->data(), bytes_of(t));
        return t;
      });
  const bool is_signed = c.format(in.x) == &formats::kI8;
  const size_t n = static_cast<size_t>(s.in_pixels() * s.in_channels), x = static_cast<size_t>(in.x);
  const std::byte* at = packed->plane(Plane::kPayload).data();
  Lowered l{.kernel = kernel};
  l.scratch_bytes = is_signed ? n : 0;
  l.packed_bytes = packed->num_bytes();
  l.macs = static_cast<uint64_t>(s.out_pixels() * s.out_channels * (s.in_channels / s.groups) * s.taps());
  l.unread = ~(1u << in.x);
  l.run = [=, run = make_run(weights->data(), at)](const StepArgs& args) {
    (void)packed;  // kept alive
    run(args, unsigned_x(args, x, is_signed, n));
  };
  return l;
}

/// `strides` of the weights: those of Int8Weights.
std::optional<Lowered> contraction(const LowerContext& c, const Operands& in, const ConvShape& s,
                                   const Int8Weights& strides, const std::string& kind) {
  const auto scale = scaling(c, in, s);
  if (!scale) return std::nullopt;
  const Isa isa = c.isa();
  return product(
      c, in, s, *scale, "int8_contraction", kind, int8_packed_bytes(isa, s),
      [&](const int8_t* w, std::byte* to) {
        Int8Weights weights = strides;
        weights.w = w;
        int8_pack(isa, s, weights, to);
      },
      [&](const int8_t*, const std::byte* packed) {
        return [=, output = scale->output,
                columns = std::make_shared<const Int8Columns>(
                    int8_columns(isa, s, packed, scale->x_zero, scale->bias, scale->scale))](
                   const StepArgs& args, const uint8_t* x) {
          int8_conv(isa, args.pool, s, x, packed, *columns, output, bytes_of(*args.out[0]));
        };
      });
}

std::optional<Lowered> depthwise(const LowerContext& c, const Operands& in, const ConvShape& s,
                                 const DepthwiseDims& d) {
  const auto scale = scaling(c, in, s);
  if (!scale) return std::nullopt;
  const Isa isa = c.isa();
  return product(
      c, in, s, *scale, "int8_depthwise", "", int8_depthwise_packed_bytes(isa, d),
      [&](const int8_t* w, std::byte* to) { int8_depthwise_pack(isa, d, w, to); },
      [&](const int8_t* w, const std::byte* packed) {
        return [=, output = scale->output,
                channels = std::make_shared<const Int8DepthwiseChannels>(
                    int8_depthwise_channels(isa, d, w, scale->x_zero, scale->bias, scale->scale))](
                   const StepArgs& args, const uint8_t* x) {
          int8_depthwise(isa, args.pool, d, x, packed, *channels, output,
                         reinterpret_cast<uint8_t*>(bytes_of(*args.out[0])));
        };
      });
}

std::optional<Lowered> convolution(const LowerContext& c, const Operands& in) {
  const Shape &x = c.shape(in.x), &w = c.shape(in.w);
  if (x.rank() > 5) return std::nullopt;
  const auto shape = conv_shape(ops::conv_geometry(c, x, w), x.rank() - 2);
  if (!shape) return std::nullopt;
  const ConvShape& s = *shape;
  std::optional<Lowered> l;
  if (const DepthwiseDims d = depthwise_dims(s);
      is_depthwise(s) && can_run_int8_depthwise(d) && is_byte(c.out_format(0)))
    l = depthwise(c, in, s, d);
  else
    l = contraction(
        c, in, s,
        {.out_stride = s.in_channels / s.groups * s.taps(), .channel_stride = s.taps(), .tap_stride = 1},
        pack_kind("conv", s));
  if (!l) return std::nullopt;
  l->in.assign(static_cast<size_t>(in.x) + 1, Layout::kChannelsLast);
  l->out = {Layout::kChannelsLast};
  return l;
}

std::optional<Lowered> matrix_product(const LowerContext& c, const Operands& in) {
  const Shape &a = c.shape(in.x), &b = c.shape(in.w);
  for (int i : {in.w_scale, in.w_zero})  // one for each column; others have no kernel
    if (i >= 0 && c.has_input(i) && c.shape(i).rank() > 1) return std::nullopt;
  if (a.rank() < 1 || b.rank() != 2) return std::nullopt;
  const int64_t k = b[0], n = b[1], m = a.num_elements() / k;
  const ConvShape s{.in_channels = k, .out_channels = n, .in = {1, 1, m}, .out = {1, 1, m}};
  return contraction(c, in, s, {.out_stride = 1, .channel_stride = n}, "matmul");
}

std::optional<Lowered> scaled_conv(const LowerContext& c) { return convolution(c, kScaled); }
std::optional<Lowered> conv_integer(const LowerContext& c) { return convolution(c, kSums); }
std::optional<Lowered> scaled_matmul(const LowerContext& c) { return matrix_product(c, kScaled); }
std::optional<Lowered> matmul_integer(const LowerContext& c) { return matrix_product(c, kSums); }

constexpr LowerEntry kEntries[] = {
    {"", "ConvInteger", conv_integer},
    {"", "MatMulInteger", matmul_integer},
    {"", "QLinearConv", scaled_conv},
    {"", "QLinearMatMul", scaled_matmul},
    {kDunlinDomain, "QuantizedConv", scaled_conv},
    {kDunlinDomain, "QuantizedMatMul", scaled_matmul},
};

}  // namespace

std::span<const LowerEntry> integer_product() { return kEntries; }

}  // namespace dunlin::lower
