// Arithmetic of element types: integers wrap, as NumPy's and ONNX Runtime's do, where C++ leaves the overflow of signed
// ones undefined; floating-point numbers are added and multiplied as ever.
#pragma once

#include <cstdint>
#include <type_traits>

#include "graph/op_dispatch.h"

namespace dunlin::ops {

namespace wrapping {

template <typename T>
inline constexpr bool kWraps = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// f(x, y) on unsigned integers no narrower than int, so that nothing is promoted to a signed one on the way.
template <typename T, typename F>
constexpr T apply(T x, T y, F f) {
  if constexpr (kWraps<T>) {
    using U = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
    return static_cast<T>(f(static_cast<U>(x), static_cast<U>(y)));
  } else {
    return static_cast<T>(f(x, y));
  }
}

template <typename T>
constexpr T add(T x, T y) {
  return apply(x, y, [](auto a, auto b) { return a + b; });
}
template <typename T>
constexpr T sub(T x, T y) {
  return apply(x, y, [](auto a, auto b) { return a - b; });
}
template <typename T>
constexpr T mul(T x, T y) {
  return apply(x, y, [](auto a, auto b) { return a * b; });
}
/// -x; of floating-point numbers -0 too.
template <typename T>
constexpr T neg(T x) {
  if constexpr (kWraps<T>)
    return sub(T{0}, x);
  else
    return static_cast<T>(-x);
}

}  // namespace wrapping

/// What many products of T are summed in: double, for integers 64 bits that wrap.
template <typename T>
using ProductSum = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
template <typename T>
ProductSum<T> to_sum(T x) {
  return static_cast<ProductSum<T>>(static_cast<ComputeType<T>>(x));
}

}  // namespace dunlin::ops
