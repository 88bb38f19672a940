// Multiply-accumulates of a node, as inspection counts them and folding bounds them.
#pragma once

#include <cstdint>
#include <span>

#include "graph/ir.h"

namespace dunlin {

/// Attention, Conv, ConvTranspose, Gemm, GRU, LSTM, MatMul and RNN over inputs of known shapes (null: left out or not
/// known) that give `y` first; 0 for the other ops, for ranks that these do not take, and without the first two.
uint64_t macs_of(const Node& node, std::span<const Shape* const> inputs, const Shape& y);

}  // namespace dunlin
