// Convolutions that a lowering hands to the Winograd kernels.
#pragma once

#include "kernels/contraction/conv.h"
#include "runtime/lower/lowering.h"

namespace dunlin::lower {

/// Conv or FusedConv of constant weights where that pays and the options allow it; none otherwise. `lowered` has what
/// does not depend on the kernel, `epilogue` is what the step's operands give.
std::optional<Lowered> winograd_step(const LowerContext& c, const ConvShape& shape, Lowered lowered,
                                     const std::function<Epilogue(const StepArgs&)>& epilogue);

}  // namespace dunlin::lower
