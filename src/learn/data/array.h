// Samples out of arrays (NPY, NPZ): what is an image, what is a vector.
#pragma once

#include "learn/data/dataset.h"

namespace dunlin {

/// One sample's input. [H,W] of u8 or u16, and [H,W,C] or [C,H,W] with C 1 or 3, are images (of u8 and u16
/// also with C 4, whose last channel is dropped). All else is values in the order given. Other number types
/// become f32.
Example example_of_array(const Tensor& array);

}  // namespace dunlin
