// What the plain formats share: one code per element, each a C++ type.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "tensor/formats.h"

namespace dunlin::formats {

template <typename T>
T code_from_float(float x) {
  if constexpr (std::is_same_v<T, bool>) {
    return x != 0;
  } else if constexpr (std::is_integral_v<T>) {
    if (std::isnan(x)) return 0;
    const float r = std::nearbyint(x);
    // The limits as floats may round up to one past the type's largest value, hence >=.
    if (r >= static_cast<float>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    if (r <= static_cast<float>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
    return static_cast<T>(r);
  } else {
    return static_cast<T>(x);
  }
}

template <typename T>
void encode_plain(const CodecCall& c) {
  T* out = reinterpret_cast<T*>(c.planes[0].data());
  for (size_t i = 0; i < c.values.size(); ++i) out[i] = code_from_float<T>(c.values[i]);
}

template <typename T>
void decode_plain(const CodecCall& c) {
  const T* in = reinterpret_cast<const T*>(c.planes[0].data());
  for (size_t i = 0; i < c.values.size(); ++i) c.values[i] = static_cast<float>(in[i]);
}

template <int kBits>
inline constexpr PlaneDef kPlainPlanes[] = {{Plane::kPayload, kBits, Per::element()}};

template <typename T>
constexpr FormatDef plain_format(std::string_view name, std::string_view source, FormatDef::Kind kind,
                                 int onnx_type, double max_relative_error) {
  return {.name = name,
          .source = source,
          .kind = kind,
          .onnx_type = onnx_type,
          .planes = kPlainPlanes<static_cast<int>(sizeof(T)) * 8>,
          .encode = encode_plain<T>,
          .decode = decode_plain<T>,
          .max_relative_error = max_relative_error};
}

}  // namespace dunlin::formats
