// Conv, ConvTranspose and their gradients. Activations lie channels last; a depthwise convolution in one or two dimensions has
// its own kernels, 3x3 kernels may take Winograd's, everything else is the implicit matrix product.
#include "graph/activation.h"
#include "graph/ops/conv_transpose.h"
#include "graph/ops/window.h"
#include "kernels/contraction/bf16.h"
#include "kernels/reduce/reduce.h"
#include "runtime/lower/conv_shape.h"
#include "runtime/lower/families.h"
#include "runtime/lower/winograd.h"

namespace dunlin::lower {

namespace {

constexpr Layout kLast = Layout::kChannelsLast, kRow = Layout::kRowMajor;

std::optional<ConvShape> f32_conv_shape(const LowerContext& c, const Shape& x, const Shape& w) {
  if (!c.all_f32() || x.rank() > 5) return std::nullopt;
  return conv_shape(ops::conv_geometry(c, x, w), x.rank() - 2);
}

/// The backward data pass goes once over each phase of the stride, also over those that have no pixels.
bool has_few_phases(const ConvShape& s) {
  constexpr int64_t kMost = 4096;
  int64_t phases = 1;
  for (int64_t stride : s.stride) {
    if (stride > kMost / phases) return false;
    phases *= stride;
  }
  return true;
}

uint64_t macs(const ConvShape& s) {
  return static_cast<uint64_t>(s.out_pixels() * s.out_channels * (s.in_channels / s.groups) * s.taps());
}

template <typename C>
EpilogueOf<C> epilogue_of(const StepArgs& args, const Activation& activation, ptrdiff_t row) {
  EpilogueOf<C> e;
  e.bias = args.in.size() > 2 ? args.x(2) : nullptr;
  e.residual = args.in.size() > 3 ? args.x<C>(3) : nullptr;
  e.residual_stride = row;
  e.activation = activation;
  return e;
}

/// Activations in T, weights in f32: they stay in the cache.
template <typename T>
Lowered depthwise_step(const LowerContext& c, const ConvShape& s, Lowered l) {
  const Isa isa = c.isa();
  const Activation activation = activation_attribute(c);
  const DepthwiseDims d = depthwise_dims(s);
  const PackedWeight w =
      pack_weight(c, 1, elements(c.shape(1)), "depthwise",
                  [&](ThreadPool&, const float* from, float* to) { depthwise_pack_weight(d, from, to); });
  l.kernel = std::is_same_v<T, float> ? "depthwise_forward" : "bf16_depthwise_forward";
  l.scratch_bytes = w.scratch_bytes();
  l.packed_bytes = w.bytes();
  l.run = [=](const StepArgs& args) {
    const float* packed = w.packed ? w.packed->data<float>() : args.scratch_floats();
    if (!w.packed) depthwise_pack_weight(d, args.x(1), args.scratch_floats());
    depthwise_forward(args.pool, isa, d, args.x<T>(0), packed,
                      epilogue_of<T>(args, activation, s.out_channels), args.y<T>(0));
  };
  if (w.packed) l.unread = 0b10;
  return l;
}

/// A convolution as products of A with results in C, each f32 or bf16.
template <typename A, typename C>
Lowered product_step(const LowerContext& c, const ConvShape& s, Lowered l) {
  const Isa isa = c.isa();
  const Activation activation = activation_attribute(c);
  size_t size = 0;
  if constexpr (std::is_same_v<A, float>)
    size = conv_packed_floats(isa, s);
  else
    size = conv_packed_bf16(isa, s);
  const PackedWeight w =
      pack_weight<A>(c, 1, size, pack_kind("conv", s),
                     [&](ThreadPool& pool, const float* from, A* to) { conv_pack(isa, pool, s, from, to); });
  l.kernel = std::is_same_v<A, float> ? "conv_forward" : "bf16_conv_forward";
  l.scratch_bytes = w.scratch_bytes();
  l.packed_bytes = w.bytes();
  l.run = [=](const StepArgs& args) {
    A* const scratch = reinterpret_cast<A*>(args.scratch);
    if (!w.packed) conv_pack(isa, args.pool, s, args.x(1), scratch);
    conv_forward(isa, args.pool, s, args.x<A>(0), w.packed ? w.packed->data<A>() : scratch, args.y<C>(0),
                 epilogue_of<C>(args, activation, s.out_channels));
  };
  if (w.packed) l.unread = 0b10;
  return l;
}

/// Conv: x, w, bias; FusedConv: and a residual.
std::optional<Lowered> forward(const LowerContext& c) {
  const auto shape = f32_conv_shape(c, c.shape(0), c.shape(1));
  if (!shape) return std::nullopt;
  const ConvShape s = *shape;
  Lowered l{.in = {kLast, kRow, kRow, kLast}, .out = {kLast}, .in_place = 0b1000, .macs = macs(s)};
  if (is_depthwise(s)) {
    const bool narrow = c.wants_narrow(0) && s.in_channels == s.out_channels;
    l.in_place = 0;
    if (!narrow) return depthwise_step<float>(c, s, std::move(l));
    l.narrow_in = 0b1001;
    l.narrow_out = 0b1;
    return depthwise_step<BFloat16>(c, s, std::move(l));
  }
  if (!c.bf16()) {
    const auto epilogue = [row = s.out_channels, activation = activation_attribute(c)](const StepArgs& args) {
      return epilogue_of<float>(args, activation, row);
    };
    if (auto winograd = winograd_step(c, s, l, epilogue)) return winograd;
    return product_step<float, float>(c, s, std::move(l));
  }
  l.narrow_in = 0b1;
  if (!c.wants_narrow(0)) return product_step<BFloat16, float>(c, s, std::move(l));
  l.narrow_in = 0b1001;
  l.narrow_out = 0b1;
  return product_step<BFloat16, BFloat16>(c, s, std::move(l));
}

/// The gradient with respect to a convolution's input: from the convolution's output 0, its weights 1, and perhaps the
/// bias 2 that a transposed convolution adds.
std::optional<Lowered> backward_data(const LowerContext& c, const std::optional<ConvShape>& shape,
                                     bool has_bias) {
  if (!shape || !has_few_phases(*shape)) return std::nullopt;
  const ConvShape s = *shape;
  const Isa isa = c.isa();
  Lowered l{.in = {kLast, kRow, has_bias ? kRow : Layout::kAny}, .out = {kLast}, .macs = macs(s)};
  if (is_depthwise(s) && !has_bias) {
    const DepthwiseDims d = depthwise_dims(s);
    l.kernel = "depthwise_backward_data";
    l.scratch_bytes = scratch_for(elements(c.shape(1)));
    l.run = [=](const StepArgs& args) {
      depthwise_pack_weight(d, args.x(1), args.scratch_floats());
      depthwise_backward_data(args.pool, isa, d, args.x(0), args.scratch_floats(), args.y(0));
    };
    return l;
  }
  const PackedWeight w = pack_weight(
      c, 1, conv_packed_backward_floats(isa, s), pack_kind("conv_backward", s),
      [&](ThreadPool& pool, const float* from, float* to) { conv_pack_backward(isa, pool, s, from, to); });
  l.kernel = "conv_backward_data";
  l.scratch_bytes = w.scratch_bytes();
  l.packed_bytes = w.bytes();
  l.run = [=](const StepArgs& args) {
    const float* packed = w.packed ? w.packed->data<float>() : args.scratch_floats();
    if (!w.packed) conv_pack_backward(isa, args.pool, s, args.x(1), args.scratch_floats());
    conv_backward_data(isa, args.pool, s, args.x(0), packed, args.y(0),
                       {.bias = has_bias ? args.x(2) : nullptr});
  };
  if (w.packed) l.unread = 0b10;
  return l;
}

/// dy, w, like x.
std::optional<Lowered> grad_input(const LowerContext& c) {
  std::optional<Lowered> l = backward_data(c, f32_conv_shape(c, c.shape(2), c.shape(1)), false);
  if (l) l->unread |= 0b100;
  return l;
}

/// x, w, bias.
std::optional<Lowered> transposed(const LowerContext& c) {
  const Shape &x = c.shape(0), &w = c.shape(1);
  if (!c.all_f32() || x.rank() > 5) return std::nullopt;
  const ops::TransposedConv t = ops::transposed_conv(c, x, w);
  if (elements(x) == 0 || elements(w) == 0 || elements(t.y) == 0) return std::nullopt;
  const ops::ConvGeometry g = ops::conv_geometry(c, t.window, t.y, w);
  return backward_data(c, conv_shape(g, x.rank() - 2), c.has_input(2));
}

/// dy, x, like w.
std::optional<Lowered> grad_weight(const LowerContext& c) {
  const auto shape = f32_conv_shape(c, c.shape(1), c.shape(2));
  if (!shape) return std::nullopt;
  const ConvShape s = *shape;
  const Isa isa = c.isa();
  Lowered l{.in = {kLast, kLast, Layout::kAny}, .out = {kRow}, .unread = 0b100, .macs = macs(s)};
  if (is_depthwise(s)) {
    const DepthwiseDims d = depthwise_dims(s);
    const uint64_t first = scratch_for(elements(c.shape(2)));
    l.kernel = "depthwise_backward_weight";
    l.scratch_bytes = first + scratch_for(depthwise_backward_weight_scratch(d));
    l.run = [=](const StepArgs& args) {
      float* packed = args.scratch_floats();
      depthwise_backward_weight(args.pool, isa, d, args.x(1), args.x(0),
                                reinterpret_cast<float*>(args.scratch + first), packed);
      depthwise_unpack_weight(d, packed, args.y(0));
    };
    return l;
  }
  l.kernel = "conv_backward_weights";
  l.scratch_bytes = scratch_for(conv_backward_weights_scratch_floats(isa, s, c.num_threads()));
  l.run = [=](const StepArgs& args) {
    conv_backward_weights(isa, args.pool, s, args.x(1), args.x(0), args.y(0), false, args.scratch_floats());
  };
  return l;
}

/// dy [N, C, ...] -> [C]
std::optional<Lowered> bias_grad(const LowerContext& c) {
  const Shape& x = c.shape(0);
  if (!c.all_f32() || x.rank() > 5) return std::nullopt;
  const ReduceDims d{1, elements(x) / static_cast<size_t>(x[1]), static_cast<size_t>(x[1])};
  const Isa isa = c.isa();
  return Lowered{.kernel = "reduce_columns",
                 .run =
                     [=](const StepArgs& args) {
                       reduce(args.pool, isa, ReduceOp::kSum, d, args.x(0), args.scratch_floats(), args.y(0));
                     },
                 .in = {kLast},
                 .out = {},
                 .scratch_bytes = scratch_for(reduce_scratch(d))};
}

constexpr LowerEntry kEntries[] = {
    {"", "Conv", forward, InBf16::kTakes},
    {"", "ConvTranspose", transposed},
    {kDunlinDomain, "FusedConv", forward, InBf16::kTakes},
    {kDunlinDomain, "ConvGradInput", grad_input},
    {kDunlinDomain, "ConvGradWeight", grad_weight},
    {kDunlinDomain, "BiasGrad", bias_grad},
};

}  // namespace

std::span<const LowerEntry> convolution() { return kEntries; }

}  // namespace dunlin::lower
