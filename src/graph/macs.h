// Multiply-accumulates of a node, as inspection counts them and folding bounds them.
#pragma once

#include <cstdint>

#include "graph/ir.h"

namespace dunlin {

/// Conv, ConvTranspose, Gemm, MatMul, RNN, GRU and LSTM over operands of known shapes `a` and `b` that give `y`;
/// 0 for the other ops, and for ranks that these do not take.
uint64_t macs_of(const Node& node, const Shape& a, const Shape& b, const Shape& y);

}  // namespace dunlin
