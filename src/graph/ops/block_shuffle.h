// Index arithmetic of DepthToSpace and SpaceToDepth.
#pragma once

#include "graph/ops/movement.h"

namespace dunlin::ops {

/// Calls f(deep, wide) for every element: its row-major index in [N, C*b*b, H, W] and in [N, C, H*b, W*b].
/// `column_first` is ONNX's CRD mode: depth is (c, row, column) instead of (row, column, c).
template <typename F>
void for_each_block_cell(const Shape& deep, int64_t b, bool column_first, F&& f) {
  const int64_t n = deep[0], depth = deep[1], h = deep[2], w = deep[3], c = depth / (b * b);
  for (int64_t in = 0; in < n; ++in)
    for (int64_t ic = 0; ic < c; ++ic)
      for (int64_t row = 0; row < b; ++row)
        for (int64_t col = 0; col < b; ++col)
          for (int64_t y = 0; y < h; ++y)
            for (int64_t x = 0; x < w; ++x) {
              const int64_t d = column_first ? (ic * b + row) * b + col : (row * b + col) * c + ic;
              f(static_cast<size_t>(((in * depth + d) * h + y) * w + x),
                static_cast<size_t>(((in * c + ic) * h * b + y * b + row) * w * b + x * b + col));
            }
}

inline int64_t block_size_of(const NodeView& a) {
  const int64_t b = a.attr_int("blocksize", 0);
  if (b < 1 || b > 1 << 20) a.error("blocksize is {}, 1 to 2^20 is expected", b);
  return b;
}

inline std::vector<Type> infer_space_to_depth(const InferArgs& a) {
  Shape s = a.shape(0);
  const int64_t b = block_size_of(a);
  if (s.rank() != 4) a.error("input is {}, [N,C,H,W] is expected", to_string(s));
  for (int d : {1, 2, 3}) {
    if (s[d] < 0) continue;
    if (d > 1 && s[d] % b != 0) a.error("{} does not divide by blocksize {}", to_string(a.shape(0)), b);
    s[d] = d == 1 ? s[d] * b * b : s[d] / b;
  }
  return {{.format = a.format(0), .shape = s}};
}

inline void space_to_depth(const OpCall& c, bool column_first) {
  for_word(c.input(0).format(), [&]<typename Word>() {
    const auto in = word_elements<Word>(c.input(0));
    const auto out = word_elements<Word>(c.output(0));
    for_each_block_cell(c.output(0).shape(), block_size_of(c), column_first,
                        [&](size_t deep, size_t wide) { out[deep] = in[wide]; });
  });
}

}  // namespace dunlin::ops
