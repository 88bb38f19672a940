// What the ops on sequences share.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

/// Throws unless input i is a sequence, or not known yet.
const Type& sequence_type(const InferArgs& a, int i);
/// Of a sequence of such elements.
Type sequence_of(Type element);
/// A position given as input i, counted from the front. `end`: one past the last is a position too.
size_t position(const ValueCall& c, int i, size_t size, bool end = false);
/// Input i with bytes of its own, as an element.
std::shared_ptr<const Tensor> element_of(const ValueCall& c, int i);

}  // namespace dunlin::ops
