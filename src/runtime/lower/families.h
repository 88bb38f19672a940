// The lowerings of each family of ops.
#pragma once

#include "runtime/lower/lowering.h"

namespace dunlin::lower {

std::span<const LowerEntry> attention();
std::span<const LowerEntry> convolution();
std::span<const LowerEntry> dropout();
std::span<const LowerEntry> elementwise();
std::span<const LowerEntry> indexing();
std::span<const LowerEntry> integer_product();
std::span<const LowerEntry> matmul();
std::span<const LowerEntry> movement();
std::span<const LowerEntry> normalization();
std::span<const LowerEntry> pooling();
std::span<const LowerEntry> quantization();
std::span<const LowerEntry> quantized_elementwise();
std::span<const LowerEntry> recurrent();
std::span<const LowerEntry> reduction();

}  // namespace dunlin::lower
