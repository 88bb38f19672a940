// Type dispatch of op.h. f16 and bf16 are computed through float: Half and BFloat16 convert explicitly.
#pragma once

#include "tensor/formats.h"

namespace dunlin {

[[noreturn]] inline void fail_format(Format format) {
  fail(ErrorCode::kUnsupported, "elements of type {} are not supported here",
       format ? format->name : "(unknown)");
}

template <typename F>
decltype(auto) for_float_format(Format format, F&& f) {
  if (format == &formats::kF32) return f.template operator()<float>();
  if (format == &formats::kF64) return f.template operator()<double>();
  if (format == &formats::kF16) return f.template operator()<Half>();
  if (format == &formats::kBF16) return f.template operator()<BFloat16>();
  fail_format(format);
}

template <typename F>
decltype(auto) for_format(Format format, F&& f) {
  if (format == &formats::kF32) return f.template operator()<float>();
  if (format == &formats::kF64) return f.template operator()<double>();
  if (format == &formats::kF16) return f.template operator()<Half>();
  if (format == &formats::kBF16) return f.template operator()<BFloat16>();
  if (format == &formats::kI8) return f.template operator()<int8_t>();
  if (format == &formats::kU8) return f.template operator()<uint8_t>();
  if (format == &formats::kI16) return f.template operator()<int16_t>();
  if (format == &formats::kU16) return f.template operator()<uint16_t>();
  if (format == &formats::kI32) return f.template operator()<int32_t>();
  if (format == &formats::kU32) return f.template operator()<uint32_t>();
  if (format == &formats::kI64) return f.template operator()<int64_t>();
  if (format == &formats::kU64) return f.template operator()<uint64_t>();
  if (format == &formats::kBool) return f.template operator()<bool>();
  fail_format(format);
}

/// The type arithmetic runs in: float for the 16-bit floats, T otherwise.
template <typename T>
struct ComputeTypeOf {
  using type = T;
};
template <>
struct ComputeTypeOf<Half> {
  using type = float;
};
template <>
struct ComputeTypeOf<BFloat16> {
  using type = float;
};
template <typename T>
using ComputeType = typename ComputeTypeOf<T>::type;

}  // namespace dunlin
