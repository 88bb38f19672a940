// Linear quantisation with one scale and zero point for all elements: ONNX QuantizeLinear, DequantizeLinear, and both
// after one another. Dense. T is an integer type of 8 or 16 bits; NaN becomes 0. The same bits on every ISA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/threads.h"

namespace dunlin {

/// y = nearest(x / scale), ties to even, + zero_point, kept within T
template <typename T>
void quantize(ThreadPool& pool, const float* x, float scale, T zero_point, T* y, size_t n);

/// y = (x - zero_point) * scale
template <typename T>
void dequantize(ThreadPool& pool, const T* x, float scale, T zero_point, float* y, size_t n);

/// dequantize(quantize(x)); y may be x.
template <typename T>
void fake_quantize(ThreadPool& pool, const float* x, float scale, T zero_point, float* y, size_t n);

}  // namespace dunlin
