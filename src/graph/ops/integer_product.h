// The integer sums under MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv, row major. An operand is an
// input and the input with its zero point.
#pragma once

#include "graph/ops/quantized_binary.h"

namespace dunlin::ops {

struct IntegerOperand {
  int input, zero_point;
};

/// [..., M, N] as output 0 is, from A[..., M, K] and B[..., K, N].
std::vector<int64_t> integer_matmul(const OpCall& c, IntegerOperand a, IntegerOperand b);
/// [N, M, spatial...] as output 0 is. Padding counts as the zero point.
std::vector<int64_t> integer_conv(const OpCall& c, IntegerOperand x, IntegerOperand w);

/// The sums into output 0, in 32 bits that wrap.
void store_wrapped(const OpCall& c, const std::vector<int64_t>& sums);

/// Sums into output 0 as QLinearConv and QLinearMatMul have it, and our Quantized ops beside them: with y_scale 6 and
/// y_zero_point 7 nearest(sum * multiplier) + y_zero_point, saturated and kept within attributes min and max;
/// without them f32, sum * multiplier. The multiplier is `scale(i)`, that of the sum, by y_scale, rounded to
/// f32, and so is the product: what kernels compute, to the bit.
template <typename Scale>
void store_scaled(const OpCall& c, const std::vector<int64_t>& sums, const Scale& scale) {
  const auto product = [&](size_t i, double y_scale) {
    return static_cast<float>(sums[i]) * static_cast<float>(scale(i) / y_scale);
  };
  if (!c.has_input(7)) {
    const auto y = c.out<float>(0);
    for (size_t i = 0; i < sums.size(); ++i) y[i] = product(i, 1);
    return;
  }
  const double y_scale = one_number(c, "the scale of y", c.input(6));
  store_quantized(c, 7, sums.size(), [&](size_t i) { return product(i, y_scale); });
}

/// The forward passes: of QLinearConv and dunlin.QuantizedConv, of QLinearMatMul and dunlin.QuantizedMatMul.
void quantized_conv(const OpCall& c);
void quantized_matmul(const OpCall& c);
/// The format of output 0 of these, by y_zero_point 7; f32 when it is left out. Throws when a format does not fit.
Format quantized_product_format(const InferArgs& a, std::string_view x, std::string_view w);

}  // namespace dunlin::ops
