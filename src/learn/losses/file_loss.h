// A loss of the user's own: an ONNX graph from (outputs, targets) to one number.
#pragma once

#include "learn/losses/loss.h"

namespace dunlin {

/// Inputs are taken in their order. Targets of i64 [N] are class numbers, of i64 [N, ...] class numbers of
/// that shape, of f32 they are values: of the declared shape, or of the model's output where it is not declared. Throws kInvalidArgument naming the file
/// otherwise.
ValueId append_file_loss(LossBuilder& builder, const std::string& path);

}  // namespace dunlin
