// The integer sums under MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv, row major. An operand is an
// input and the input with its zero point.
#pragma once

#include "graph/ops/quantize.h"

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

}  // namespace dunlin::ops
