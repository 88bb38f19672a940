// What a kernel does to an output value before it is stored: bias, residual, activation. Fused so that the
// value is written to memory once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace dunlin {

enum class ActivationKind : uint8_t {
  kNone,
  kClip,         ///< min(max(x, a), b); relu is (0, inf), relu6 is (0, 6)
  kLeakyRelu,    ///< x < 0 ? a * x : x
  kHardSigmoid,  ///< min(max(a * x + b, 0), 1); ONNX's default is (0.2, 0.5), PyTorch's (1/6, 0.5)
  kHardSwish,    ///< x * min(max(x / 6 + 0.5, 0), 1)
  kSigmoid,
  kSilu,  ///< x * sigmoid(x)
  kTanh,
  kGelu,      ///< 0.5 * x * (1 + erf(x / sqrt(2)))
  kGeluTanh,  ///< 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
  kMish,      ///< x * tanh(log(1 + exp(x)))
};

/// An activation with its parameters `a` and `b` (see the kinds); 0 where a kind has none.
struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  float a = 0, b = 0;

  static constexpr Activation none() { return {}; }
  static constexpr Activation clip(float lo, float hi) { return {ActivationKind::kClip, lo, hi}; }
  static constexpr Activation relu() { return clip(0, std::numeric_limits<float>::infinity()); }
  static constexpr Activation leaky_relu(float slope) { return {ActivationKind::kLeakyRelu, slope, 0}; }
  static constexpr Activation hard_sigmoid(float a, float b) { return {ActivationKind::kHardSigmoid, a, b}; }
};

/// y = activation(sum + bias[c] + residual[row, c]), where `sum` is the kernel's own result.
/// The residual has the output's elements.
template <typename Output>
struct EpilogueOf {
  const float* bias = nullptr;       ///< [C], or null for none
  const Output* residual = nullptr;  ///< [rows, C] beside the output, or null; may be the output itself
  ptrdiff_t residual_stride = 0;     ///< elements between two rows of `residual`
  Activation activation;
};
using Epilogue = EpilogueOf<float>;

}  // namespace dunlin
