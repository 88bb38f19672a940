// Linear quantisation with one scale for all elements; other scales run by the reference.
#include "kernels/quantize/bytes.h"
#include "kernels/quantize/quantize.h"

#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

bool one_scale(const LowerContext& c) {
  return c.format(1) == &formats::kF32 && elements(c.shape(1)) == 1 &&
         (!c.has_input(2) || elements(c.shape(2)) == 1) && c.attr_int("block_size", 0) == 0;
}

/// run.operator()<T>(args, scale, zero point) for the integers `format`; none for others.
template <typename Run>
std::optional<Lowered> step(const LowerContext& c, Format format, std::string kernel, const Run& run) {
  std::optional<Lowered> l;
  const auto with = [&]<typename T>() {
    const Layout layout = c.layout(0);
    l = Lowered{.kernel = std::move(kernel),
                .run =
                    [run](const StepArgs& args) {
                      const bool has_zero = args.in.size() > 2 && args.in[2];
                      run.template operator()<T>(args, *args.x(1), has_zero ? *args.in[2]->data<T>() : T{});
                    },
                .in = {layout},
                .out = {layout}};
  };
  if (format == &formats::kI8) with.template operator()<int8_t>();
  if (format == &formats::kU8) with.template operator()<uint8_t>();
  if (format == &formats::kI16) with.template operator()<int16_t>();
  if (format == &formats::kU16) with.template operator()<uint16_t>();
  return l;
}

/// Convolutions want channels last: then the pixels of a picture may as well be put together at once.
bool only_convolutions_read(const LowerContext& c) {
  const ValueId y = c.node().outputs[0];
  for (ValueId v : c.graph().outputs)
    if (v == y) return false;
  for (const Node& n : c.graph().nodes)
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (n.inputs[i] == y && (i != 0 || (n.op != "QuantizedConv" && n.op != "QLinearConv"))) return false;
  return true;
}

Lowered bytes_step(const LowerContext& c) {
  const Isa isa = c.isa();
  const bool is_signed = c.out_format(0) == &formats::kI8;
  const auto scale_of = [is_signed](const StepArgs& args) {
    const Tensor* zero = args.in.size() > 2 ? args.in[2] : nullptr;
    const int32_t z = !zero       ? 0
                      : is_signed ? int32_t{*zero->data<int8_t>()}
                                  : int32_t{*zero->data<uint8_t>()};
    return ByteScale{*args.x(1), z, is_signed};
  };
  const auto bytes = [](const StepArgs& args) {
    return reinterpret_cast<uint8_t*>(args.out[0]->plane(Plane::kPayload).data());
  };
  const Shape& x = c.shape(0);
  if (x.rank() == 4 && x[1] == 3 && c.layout(0) == Layout::kRowMajor && only_convolutions_read(c)) {
    const auto images = static_cast<size_t>(x[0]), pixels = static_cast<size_t>(x[2] * x[3]);
    return {.kernel = "quantize_interleaved",
            .run =
                [=](const StepArgs& args) {
                  quantize_interleaved(isa, args.pool, args.x(0), scale_of(args), bytes(args), images,
                                       pixels);
                },
            .in = {},
            .out = {Layout::kChannelsLast}};
  }
  const size_t n = elements(x);
  const Layout layout = c.layout(0);
  return {.kernel = "quantize",
          .run =
              [=](const StepArgs& args) {
                quantize_bytes(isa, args.pool, args.x(0), scale_of(args), bytes(args), n);
              },
          .in = {layout},
          .out = {layout}};
}

std::optional<Lowered> quantize_step(const LowerContext& c) {
  if (!one_scale(c) || c.format(0) != &formats::kF32) return std::nullopt;
  if (c.out_format(0) == &formats::kI8 || c.out_format(0) == &formats::kU8) return bytes_step(c);
  const size_t n = elements(c.shape(0));
  return step(c, c.out_format(0), "quantize", [n]<typename T>(const StepArgs& args, float scale, T zero) {
    quantize(args.pool, args.x(0), scale, zero, args.out[0]->data<T>(), n);
  });
}

std::optional<Lowered> dequantize_step(const LowerContext& c) {
  if (!one_scale(c) || c.out_format(0) != &formats::kF32) return std::nullopt;
  const size_t n = elements(c.shape(0));
  return step(c, c.format(0), "dequantize", [n]<typename T>(const StepArgs& args, float scale, T zero) {
    dequantize(args.pool, args.in[0]->data<T>(), scale, zero, args.y(0), n);
  });
}

std::optional<Lowered> fake_quantize_step(const LowerContext& c) {
  if (!one_scale(c) || c.format(0) != &formats::kF32) return std::nullopt;
  const size_t n = elements(c.shape(0));
  auto l = step(c, find_format_by_onnx_type(static_cast<int>(c.attr_int("to", 0))), "fake_quantize",
                [n]<typename T>(const StepArgs& args, float scale, T zero) {
                  fake_quantize(args.pool, args.x(0), scale, zero, args.y(0), n);
                });
  if (l) l->in_place = 1;
  return l;
}

constexpr LowerEntry kEntries[] = {
    {"", "DequantizeLinear", dequantize_step},
    {"", "QuantizeLinear", quantize_step},
    {kDunlinDomain, "FakeQuantize", fake_quantize_step},
};

}  // namespace

std::span<const LowerEntry> quantization() { return kEntries; }

}  // namespace dunlin::lower
