// Orders in which a value's elements may lie in memory. The logical axes never change.
#pragma once

#include "dunlin/shape.h"

namespace dunlin {

enum class Layout : uint8_t {
  kRowMajor,
  kChannelsLast,  ///< N, spatial..., C; for ranks 3 to 5
  kAny,           ///< a kernel's wish only: it takes the value as it lies
};

Strides strides_of(Layout layout, const Shape& shape);
/// Whether both orders are the same for this shape: a rank outside 3 to 5, one channel, or one pixel.
bool layouts_agree(const Shape& shape);

}  // namespace dunlin
