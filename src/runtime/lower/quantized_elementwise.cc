// Steps over bytes between integer products: lookups, sums, products, pools.
#include <cmath>

#include "kernels/quantize/bytes.h"
#include "runtime/lower/constants.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

constexpr Layout kLast = Layout::kChannelsLast;

const uint8_t* bytes(const Tensor& t) {
  return reinterpret_cast<const uint8_t*>(t.plane(Plane::kPayload).data());
}
uint8_t* bytes(Tensor& t) { return reinterpret_cast<uint8_t*>(t.plane(Plane::kPayload).data()); }

std::optional<Lowered> lookup(const LowerContext& c) {
  const Isa isa = c.isa();
  const size_t n = elements(c.shape(0));
  return Lowered{.kernel = "lookup_bytes",
                 .run =
                     [=](const StepArgs& args) {
                       lookup_bytes(isa, args.pool, bytes(*args.in[0]), bytes(*args.in[1]),
                                    bytes(*args.out[0]), n);
                     },
                 .in = {c.layout(0)},
                 .out = {c.layout(0)},
                 .in_place = 1};
}

/// Inputs i, i + 1, i + 2 are bytes, scale and zero point. The scale is filled in later.
struct Operand {
  BytesOperand bytes;
  double scale;
};
std::optional<Operand> operand(const LowerContext& c, int i) {
  const auto scale = constant_number(c, i + 1, 1), zero = constant_zero_point(c, i + 2, c.format(i));
  if (!is_byte(c.format(i)) || !scale || !zero) return std::nullopt;
  return Operand{{nullptr, c.format(i) == &formats::kI8, static_cast<int32_t>(*zero), 0}, *scale};
}

std::optional<Lowered> binary(const LowerContext& c, BytesBinary op) {
  const auto a = operand(c, 0), b = operand(c, 3);
  const auto output = byte_output(c, 7);
  const auto y_scale = constant_number(c, 6, 1);
  if (!a || !b || !output || !y_scale) return std::nullopt;
  const Shape &x = c.shape(0), &z = c.shape(3);
  BytesBinaryDims d;
  Layout layout = c.layout(0);
  size_t first = 0;  // the operand that lies like y
  if (x == z) {
    d.pixels = elements(x);
    if (layout != c.layout(3)) layout = Layout::kRowMajor;
  } else {
    if (x.rank() != 4 || z.rank() != 4) return std::nullopt;
    first = z[2] * z[3] == 1 ? 0 : 1;
    const Shape &large = first ? z : x, &small = first ? x : z;
    if (small != Shape{large[0], large[1], 1, 1}) return std::nullopt;
    d = {.images = static_cast<size_t>(large[0]),
         .pixels = static_cast<size_t>(large[2] * large[3]),
         .channels = static_cast<size_t>(large[1]),
         .b_per_image = true};
    layout = kLast;
  }
  BytesOperand one = first ? b->bytes : a->bytes, other = first ? a->bytes : b->bytes;
  const double one_scale = first ? b->scale : a->scale, other_scale = first ? a->scale : b->scale;
  if (op == BytesBinary::kAdd) {
    one.scale = static_cast<float>(one_scale / *y_scale);
    other.scale = static_cast<float>(other_scale / *y_scale);
  } else {
    one.scale = static_cast<float>(a->scale * b->scale / *y_scale);
  }
  if (!std::isfinite(one.scale) || !std::isfinite(other.scale)) return std::nullopt;
  const Isa isa = c.isa();
  const size_t at = first ? 3 : 0;
  return Lowered{.kernel = op == BytesBinary::kAdd ? "add_bytes" : "mul_bytes",
                 .run =
                     [=, output = *output](const StepArgs& args) {
                       BytesOperand p = one, q = other;
                       p.data = bytes(*args.in[at]);
                       q.data = bytes(*args.in[3 - at]);
                       binary_bytes(isa, args.pool, op, d, p, q, output, bytes(*args.out[0]));
                     },
                 .in = {layout, Layout::kAny, Layout::kAny, layout},
                 .out = {layout},
                 .unread = 0b11110110};
}

std::optional<Lowered> global_average_pool(const LowerContext& c) {
  const auto x = operand(c, 0);
  const auto output = byte_output(c, 4);
  const auto y_scale = constant_number(c, 3, 1);
  const Shape& s = c.shape(0);
  if (!x || !output || !y_scale || s.rank() > 5) return std::nullopt;
  const size_t n = static_cast<size_t>(s[0]), channels = static_cast<size_t>(s[1]),
               hw = elements(s) / (n * channels);
  BytesOperand in = x->bytes;
  in.scale = static_cast<float>(x->scale / (*y_scale * static_cast<double>(hw)));
  if (hw >= size_t{1} << 23 || !std::isfinite(in.scale)) return std::nullopt;
  const Isa isa = c.isa();
  return Lowered{.kernel = "global_average_pool_bytes",
                 .run =
                     [=, output = *output](const StepArgs& args) {
                       BytesOperand p = in;
                       p.data = bytes(*args.in[0]);
                       global_average_pool_bytes(isa, args.pool, n, hw, channels, p, output,
                                                 bytes(*args.out[0]));
                     },
                 .in = {kLast},
                 .out = {kLast},
                 .unread = 0b11110};
}

std::optional<Lowered> add(const LowerContext& c) { return binary(c, BytesBinary::kAdd); }
std::optional<Lowered> mul(const LowerContext& c) { return binary(c, BytesBinary::kMul); }

constexpr LowerEntry kEntries[] = {
    {kDunlinDomain, "QuantizedAdd", add},
    {kDunlinDomain, "QuantizedGlobalAveragePool", global_average_pool},
    {kDunlinDomain, "QuantizedLookup", lookup},
    {kDunlinDomain, "QuantizedMul", mul},
};

}  // namespace

std::span<const LowerEntry> quantized_elementwise() { return kEntries; }

}  // namespace dunlin::lower
