// What Adam and AdamW share; they differ in where weight decay enters.
#pragma once

#include "learn/optimizers/optimizer.h"

namespace dunlin::optimizers {

inline constexpr std::string_view kAdamState[] = {"exp_avg", "exp_avg_sq"};

/// `l2_decay` is added to the gradient as decay * weight; `shrink` multiplies the weight beforehand.
void adam_step(const OptimizerCall& c, float l2_decay, float shrink);

}  // namespace dunlin::optimizers
