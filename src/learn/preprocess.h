// From a decoded sample to what the model's input expects.
#pragma once

#include <span>
#include <string>

#include "learn/task.h"

namespace dunlin {

/// Writes `task.input` as f32, row major: resized (bilinear, half-pixel centres, the filter widened when
/// shrinking, as Pillow and torchvision do), grey <-> colour (ITU-R BT.601), channels in the task's order,
/// scaled, normalised. An image for an input that is not CxHxW keeps its size and is laid out as C,H,W;
/// values keep their order. Throws kInvalidArgument naming `where` when the sizes do not fit.
void prepare_input(const Task& task, const Example& example, const std::string& where, std::span<float> out);

/// Bilinear resize of f32 [H,W,C], both row major.
void resize_bilinear(std::span<const float> in, int64_t height, int64_t width, int64_t channels,
                     std::span<float> out, int64_t out_height, int64_t out_width);

}  // namespace dunlin
