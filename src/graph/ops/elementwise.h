// What elementwise ops share: shape rules and strided, broadcasting loops.
#pragma once

#include "graph/op.h"
#include "graph/to_integer.h"
#include "tensor/strided.h"

namespace dunlin::ops {

/// NumPy broadcasting of shapes with known, unknown and symbolic dimensions. Throws through `a` when they do
/// not agree.
Shape broadcast_shapes(const NodeView& a, const Shape& x, const Shape& y);
/// Strides of `t` as seen from the broadcast shape `to`: 0 along repeated axes.
Strides broadcast_strides(const Tensor& t, const Shape& to);
/// The same for input 1 of an op that had `axis` before opset 7.
Strides second_strides(const OpCall& c, const Shape& to);

/// The shape of input 1 as input 0 sees it: before opset 7 the attribute `axis` says at which axis of input 0
/// the shape of input 1 begins, so that axes of 1 follow it.
Shape aligned_shape(const NodeView& a, const Shape& x, const Shape& y);

/// Output 0 has the type of input 0.
std::vector<Type> infer_same(const InferArgs& a);
/// Output 0 broadcasts all inputs; element type of input 0, all inputs alike.
std::vector<Type> infer_broadcast(const InferArgs& a);
/// The same, but bool.
std::vector<Type> infer_compare(const InferArgs& a);

/// [N, C, spatial...] -> [N, C, 1, ...]
std::vector<Type> infer_global_pool(const InferArgs& a);

/// Sums of references run in double, whatever the element type.
template <typename T>
double to_double(T x) {
  return static_cast<double>(static_cast<ComputeType<T>>(x));
}
/// Toward zero into integers; what does not fit is as to_integer says.
template <typename T, typename Value>
T to_element(Value x) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && std::is_floating_point_v<Value>)
    return to_integer<T>(x);
  else
    return static_cast<T>(static_cast<ComputeType<T>>(x));
}
template <typename T>
T from_double(double x) {
  return to_element<T>(x);
}

/// y = f(x) for every element, computed in ComputeType<T>.
template <typename T, typename F>
void map_unary(const OpCall& c, F f) {
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  const T* in = x.data<T>();
  T* out = y.data<T>();
  for_each_strided(
      x.shape(),
      [&](size_t, int64_t i, int64_t o) { out[o] = static_cast<T>(f(static_cast<ComputeType<T>>(in[i]))); },
      x.strides(), y.strides());
}

/// Floats of any width; f is a generic lambda over float and double.
template <typename F>
void map_float(const OpCall& c, F f) {
  for_float_format(c.input(0).format(), [&]<typename T>() { map_unary<T>(c, f); });
}

/// z = f(x, y) with broadcasting; T is the inputs' type, R the output's.
template <typename T, typename R, typename F>
void map_binary(const OpCall& c, F f) {
  const Tensor &x = c.input(0), &y = c.input(1);
  Tensor& z = c.output(0);
  const T *a = x.data<T>(), *b = y.data<T>();
  R* out = z.data<R>();
  for_each_strided(
      z.shape(),
      [&](size_t, int64_t o, int64_t i, int64_t j) {
        out[o] = static_cast<R>(f(static_cast<ComputeType<T>>(a[i]), static_cast<ComputeType<T>>(b[j])));
      },
      z.strides(), broadcast_strides(x, z.shape()), second_strides(c, z.shape()));
}

/// Folds all inputs with broadcasting: finish(combine(combine(x0, x1), x2) ...).
template <typename T, typename F, typename G>
void fold_inputs(const OpCall& c, F combine, G finish) {
  using C = ComputeType<T>;
  Tensor& y = c.output(0);
  std::vector<C> total(static_cast<size_t>(y.num_elements()));
  for (int k = 0; k < c.num_inputs(); ++k) {
    const T* in = c.input(k).data<T>();
    for_each_strided(
        y.shape(),
        [&](size_t e, int64_t i) {
          const C x = static_cast<C>(in[i]);
          total[e] = k == 0 ? x : static_cast<C>(combine(total[e], x));
        },
        k == 1 ? second_strides(c, y.shape()) : broadcast_strides(c.input(k), y.shape()));
  }
  T* out = y.data<T>();
  for_each_strided(
      y.shape(), [&](size_t e, int64_t o) { out[o] = static_cast<T>(finish(total[e])); }, y.strides());
}

/// Calls f.template operator()<T>() for every plain type but bool; throws kUnsupported for others.
template <typename F>
void for_number_format(Format format, F&& f) {
  for_format(format, [&]<typename T>() {
    if constexpr (!std::is_same_v<T, bool>)
      f.template operator()<T>();
    else
      fail_format(format);
  });
}

/// Calls f.template operator()<T>() for integer types (not bool); throws kUnsupported for others.
template <typename F>
void for_integer_format(Format format, F&& f) {
  for_format(format, [&]<typename T>() {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
      f.template operator()<T>();
    else
      fail_format(format);
  });
}

}  // namespace dunlin::ops
