#include "graph/ops/cast.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "graph/ops/channels.h"
#include "graph/to_integer.h"

namespace dunlin::ops {

namespace {

template <typename To, typename From>
To converted(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return to_integer<To>(x);
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(x));
  } else {
    return static_cast<To>(x);
  }
}

/// The shortest decimal that reads back as x, without exponent, as ONNX asks for.
template <typename T>
std::string to_text(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x)) return "NaN";
    if (std::isinf(x)) return x > 0 ? "INF" : "-INF";
    constexpr size_t kLongest = 1100;  // the smallest double has 1074 places
    char text[kLongest];
    return {text, std::to_chars(text, text + kLongest, x, std::chars_format::fixed).ptr};
  } else {
    return fmt::format("{}", static_cast<std::conditional_t<std::is_same_v<T, bool>, int, T>>(x));
  }
}

template <typename T>
T from_text(const OpCall& c, std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('+') && !rest.starts_with("+-")) rest.remove_prefix(1);
  const char* end = rest.data() + rest.size();
  const auto whole = [&](std::from_chars_result r) { return r.ec == std::errc() && r.ptr == end; };
  // Whole numbers of 64 bits do not fit a double.
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    T x = 0;
    if (whole(std::from_chars(rest.data(), end, x))) return x;
  }
  double x = 0;  // "INF" and "NaN", in upper and lower case, are among what from_chars reads
  const std::from_chars_result r = std::from_chars(rest.data(), end, x);
  if (r.ec == std::errc::result_out_of_range && r.ptr == end && std::is_floating_point_v<T>)
    x = std::strtod(std::string(text).c_str(), nullptr);  // infinity or 0, whichever is nearest
  else if (!whole(r))
    c.error("\"{}\" is no number", text.substr(0, 40));
  if constexpr (std::is_same_v<T, float>) {
    // Rounded once, not by way of a double.
    float f = 0;
    if (whole(std::from_chars(rest.data(), end, f))) return f;
  }
  return converted<T>(x);
}

Rounding rounding_of(const NodeView& a) {
  const std::string mode = a.attr_string("round_mode", "up");
  if (mode != "up" && mode != "down" && mode != "nearest")
    a.error("round_mode is \"{}\", up, down or nearest is expected", mode);
  return mode == "up" ? Rounding::kUp : mode == "down" ? Rounding::kDown : Rounding::kNearest;
}

void cast_to_narrow_float(const OpCall& c, const std::vector<double>& x) {
  Tensor& to = c.output(0);
  const Format format = to.format();
  const bool saturate = c.attr_int("saturate", 1) != 0,
             has_one_zero = format == &formats::kF8E4M3FNUZ || format == &formats::kF8E5M2FNUZ;
  // Opset 24 changed it, and brought round_mode, which speaks of FLOAT8E8M0 alone.
  const bool infinity_is_nan = c.opset() < 24 && has_one_zero;
  const Rounding rounding = format == &formats::kF8E8M0 ? rounding_of(c) : Rounding::kNearest;
  auto* out = reinterpret_cast<uint8_t*>(to.plane(Plane::kPayload).data());
  for_each_strided(
      to.shape(),
      [&](size_t k, int64_t o) {
        out[o] = format->narrow->encode(infinity_is_nan && std::isinf(x[k]) ? NAN : x[k], saturate, rounding);
      },
      to.strides());
}

/// ONNX's page on INT4: the nearest integer, of which the high bits are dropped.
void cast_to_narrow_integer(const OpCall& c, const std::vector<double>& x) {
  const Tensor& from = c.input(0);
  Tensor& to = c.output(0);
  const bool is_signed = to.format() == &formats::kI4;
  const std::vector<int64_t> integers =
      from.format()->kind != FormatDef::Kind::kFloat && !from.format()->narrow ? to_ints(from)
                                                                               : std::vector<int64_t>();
  auto* out = reinterpret_cast<uint8_t*>(to.plane(Plane::kPayload).data());
  for_each_strided(
      to.shape(),
      [&](size_t k, int64_t o) {
        // Beyond 64 bits as to_integer: the nearest that there is.
        if (integers.empty() && !(std::fabs(x[k]) < 0x1p63)) {
          out[o] = to.format()->narrow->encode(x[k], true, Rounding::kNearest);
          return;
        }
        const int64_t n = integers.empty() ? static_cast<int64_t>(std::nearbyint(x[k])) : integers[k];
        const auto code = static_cast<uint8_t>(n & 0xf);
        out[o] = is_signed && code > 7 ? code | 0xf0 : code;
      },
      to.strides());
}

/// Where either side is FLOAT8, FLOAT4 or INT4. Doubles hold every value that these can become or come from, but of
/// integers too large for any of them.
void cast_narrow(const OpCall& c) {
  const std::vector<double> x = cast_to_doubles(c.input(0));
  Tensor& to = c.output(0);
  if (to.format()->narrow) {
    to.format()->kind == FormatDef::Kind::kFloat ? cast_to_narrow_float(c, x) : cast_to_narrow_integer(c, x);
    return;
  }
  for_format(to.format(), [&]<typename T>() {
    T* out = to.data<T>();
    for_each_strided(
        to.shape(), [&](size_t k, int64_t o) { out[o] = converted<T>(x[k]); }, to.strides());
  });
}

}  // namespace

void cast_to(const OpCall& c, Format format) {
  const Tensor& x = c.input(0);
  const bool to_strings = format == &formats::kString;
  if (x.format() != &formats::kString && !to_strings) {
    if (!x.format()->narrow && !format->narrow) return cast_elements(x, c.output(0));
    return cast_narrow(c);
  }
  if (x.format() == format) {
    c.output(0) = x.view();
  } else if (to_strings) {
    if (x.format()->narrow) c.unsupported("{} to strings is not supported", x.format()->name);
    std::vector<std::string> out;
    uint64_t bytes = 0;
    for_format(x.format(), [&]<typename T>() {
      const auto in = c.in<T>(0);
      for (size_t i = 0; i < in.size(); ++i) {
        out.push_back(to_text(static_cast<ComputeType<T>>(in[i])));
        bytes += sizeof(std::string) + out.back().size();
        if (bytes > c.context().max_bytes)
          c.exhausted("its output takes more than the {} bytes left for this run", c.context().max_bytes);
      }
    });
    c.give_strings(0, x.shape(), std::move(out));
  } else {
    if (format->narrow) c.unsupported("strings to {} are not supported", format->name);
    for_format(format, [&]<typename T>() {
      const auto y = c.out<T>(0);
      for (size_t i = 0; i < y.size(); ++i)
        y[i] = static_cast<T>(from_text<ComputeType<T>>(c, x.strings()[i]));
    });
  }
}

std::vector<double> cast_to_doubles(const Tensor& t) {
  if (t.format() != &formats::kBool) return to_doubles(t);
  const std::vector<int64_t> bits = to_ints(t);
  return {bits.begin(), bits.end()};
}

void cast_elements(const Tensor& from, Tensor& to) {
  for_format(from.format(), [&]<typename From>() {
    for_format(to.format(), [&]<typename To>() {
      const From* in = from.data<From>();
      To* out = to.data<To>();
      for_each_strided(
          to.shape(),
          [&](size_t, int64_t i, int64_t o) {
            out[o] = converted<To>(static_cast<ComputeType<From>>(in[i]));
          },
          from.strides(), to.strides());
    });
  });
}

}  // namespace dunlin::ops
