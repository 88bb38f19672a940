/// Convolution with 3x3 kernels, stride 1, in fewer multiplications: F(2x2,3x3) and F(4x4,3x3) of Lavin and Gray,
/// "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), Y = A^T [(G g G^T) * (B^T d B)] A. Each tile of
/// 2x2 (4x4) outputs comes from 4x4 (6x6) inputs in 16 (36) multiplications instead of 36 (144). Forward pass only.
///
/// Shapes   x: [N, H, W, C], y: [N, OH, OW, O], weights as ONNX has them, w: [O, C, 3, 3]: a ConvShape (see conv.h) for
///          which winograd_fits(). Any padding, any C and O, any size; C and O of 0 are not allowed.
/// Formats  fp32. The sums are other sums than the direct convolution's: for normal numbers max|a-b| / max|b| is
///          about 3e-7 (F(2x2)) and 1.4e-6 (F(4x4)) at 64 channels, 7e-7 and 3.3e-6 at 512; the most seen was 1.4e-5, at 1024.
///          The points of F(4x4) are 0, +-3/4, +-3/2: with 0, +-1, +-2 it would be 6e-6 and 1.2e-5.
///          An infinity or NaN in x reaches all outputs of the tiles that read it.
/// Aliasing epilogue.residual may be y; nothing else may overlap an output.
/// Threads  bit-identical results for any number of threads: the order of every sum depends on shape and level only.
/// Errors   none: shapes are the caller's to check.
#pragma once

#include <optional>

#include "kernels/contraction/conv.h"

namespace dunlin {

/// Outputs of a tile in each dimension.
enum class WinogradTile : int { k2x2 = 2, k4x4 = 4 };

/// Whether the convolution is of the form above.
bool winograd_fits(const ConvShape& shape);
/// The tile with which it is expected to be faster than conv_forward() by a tenth or more, if any.
std::optional<WinogradTile> winograd_tile(Isa isa, const ConvShape& shape);

/// Floats of transformed weights, and transforming them. The values do not depend on batch, size and padding.
size_t winograd_packed_floats(Isa isa, const ConvShape& shape, WinogradTile tile);
void winograd_pack(Isa isa, ThreadPool& pool, const ConvShape& shape, WinogradTile tile, const float* w,
                   float* packed);

/// Floats of scratch that winograd_forward needs on a pool of `num_threads`.
size_t winograd_scratch_floats(Isa isa, const ConvShape& shape, WinogradTile tile, int num_threads);

/// y = activation(conv(x, w) + bias + residual), as conv_forward().
void winograd_forward(Isa isa, ThreadPool& pool, const ConvShape& shape, WinogradTile tile, const float* x,
                      const float* packed, float* y, const Epilogue& epilogue, float* scratch);

}  // namespace dunlin
