// Depthwise convolution with several output channels per input channel: rare, so plain code that is only
// correct.
#pragma once

#include "kernels/depthwise/depthwise.h"

namespace dunlin {

void depthwise_multiplier_forward(ThreadPool& pool, Isa isa, const DepthwiseDims& dims, const float* x,
                                  const float* weight, const Epilogue& epilogue, float* y);
void depthwise_multiplier_backward_data(ThreadPool& pool, const DepthwiseDims& dims, const float* dy,
                                        const float* weight, float* dx);
void depthwise_multiplier_backward_weight(ThreadPool& pool, const DepthwiseDims& dims, const float* x,
                                          const float* dy, float* dweight);

}  // namespace dunlin
