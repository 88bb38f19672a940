#include "runtime/layout.h"

namespace dunlin {

bool layouts_agree(const Shape& shape) {
  if (shape.rank() < 3 || shape.rank() > 5 || shape[1] == 1) return true;
  int64_t pixels = 1;
  for (int d = 2; d < shape.rank(); ++d) pixels *= shape[d];
  return pixels == 1;
}

Strides strides_of(Layout layout, const Shape& shape) {
  // Where the orders agree, row-major strides say so to everybody who asks is_row_major().
  return layout == Layout::kChannelsLast && !layouts_agree(shape) ? channels_last_strides(shape)
                                                                  : row_major_strides(shape);
}

}  // namespace dunlin
