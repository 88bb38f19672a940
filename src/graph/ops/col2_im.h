// Col2Im and its gradient: the blocks of an image and where their elements lie.
#pragma once

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// One entry a spatial axis.
struct ImageBlocks {
  std::vector<int64_t> image, block, dilation, pad, stride, count;  ///< count: how many blocks fit
  int64_t elements = 1;                                             ///< of a block
  int64_t blocks = 1;
};
/// From the node's attributes; throws when they do not fit image and block.
ImageBlocks image_blocks(const NodeView& a, const std::vector<int64_t>& image,
                         const std::vector<int64_t>& block);
/// [N, C, image...]; throws unless x is [N, C * block elements, blocks].
Shape image_shape(const NodeView& a, const Shape& x, const ImageBlocks& b);

/// f(column, position in the image): for every element of every block that lies inside the image; `column`
/// counts [block elements, blocks].
template <typename F>
void for_each_block_element(const ImageBlocks& b, F f) {
  const int axes = static_cast<int>(b.image.size());
  for (int64_t e = 0; e < b.elements; ++e)
    for (int64_t l = 0; l < b.blocks; ++l) {
      int64_t element = e, block = l, position = 0, step = 1;
      bool inside = true;
      for (int d = axes - 1; d >= 0; --d) {
        const auto u = static_cast<size_t>(d);
        const int64_t at = block % b.count[u] * b.stride[u] + element % b.block[u] * b.dilation[u] - b.pad[u];
        block /= b.count[u];
        element /= b.block[u];
        inside &= at >= 0 && at < b.image[u];
        position += at * step;
        step *= b.image[u];
      }
      if (inside) f(e * b.blocks + l, position);
    }
}

}  // namespace dunlin::ops
