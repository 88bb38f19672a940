// Copies between layouts: any order of axes, any strides, elements of 1, 2, 4 or 8 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/threads.h"

namespace dunlin {

/// A loop nest that reads and writes one element per step. Strides count elements; a source stride may be 0
/// (repeat) or negative.
struct CopyDims {
  static constexpr size_t kMaxRank = 8;
  size_t rank = 0;
  std::array<size_t, kMaxRank> dims{};
  std::array<ptrdiff_t, kMaxRank> source_strides{}, destination_strides{};

  /// A dense tensor of `shape` written densely with its axes in the order `permutation`: ONNX Transpose.
  static CopyDims transpose(std::span<const size_t> shape, std::span<const size_t> permutation);
};

/// destination[i . destination_strides] = source[i . source_strides] for all indices i; no two of the
/// destination's places may be the same, and source and destination must not overlap.
void copy_strided(ThreadPool& pool, const CopyDims& dims, size_t element_bytes, const void* source,
                  void* destination);

}  // namespace dunlin
