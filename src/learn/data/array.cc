#include "learn/data/array.h"

#include <algorithm>

#include "tensor/formats.h"
#include "tensor/strided.h"

namespace dunlin {

Example example_of_array(const Tensor& array) {
  const Shape& s = array.shape();
  const bool pixels = array.format() == &formats::kU8 || array.format() == &formats::kU16;
  Tensor values = pixels || array.format() == &formats::kF32 ? array.view() : array.to_float();
  if (s.rank() == 2 && pixels) return {values.reshaped({s[0], s[1], 1}), true, {}};
  const auto is_channels = [&](int64_t size) { return size == 1 || size == 3 || (size == 4 && pixels); };
  if (s.rank() != 3 || (!is_channels(s[0]) && !is_channels(s[2])))
    return {pixels ? array.to_float() : std::move(values), false, {}};
  const bool channels_first = !is_channels(s[2]);
  const int64_t height = s[channels_first ? 1 : 0], width = s[channels_first ? 2 : 1],
                channels = s[channels_first ? 0 : 2], kept = std::min<int64_t>(channels, 3);
  if (!channels_first && channels == kept) return {std::move(values), true, {}};
  const Strides strides =
      channels_first ? Strides{width, 1, height * width} : Strides{width * channels, channels, 1};
  const Tensor image = Tensor::over(values.format(), Shape{height, width, kept}, strides,
                                    values.plane(Plane::kPayload).data());
  return {image.clone(), true, {}};
}

}  // namespace dunlin
