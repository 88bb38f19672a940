// What Adam and AdamW share; they differ in where weight decay enters.
#pragma once

#include "kernels/optimizer/optimizer.h"
#include "learn/optimizers/optimizer.h"

namespace dunlin::optimizers {

inline constexpr std::string_view kAdamState[] = {"exp_avg", "exp_avg_sq"};

inline void step_adam(const OptimizerCall& c, bool decoupled) {
  const AdamParameters p{.learning_rate = static_cast<float>(c.learning_rate),
                         .beta1 = static_cast<float>(c.options.beta1),
                         .beta2 = static_cast<float>(c.options.beta2),
                         .epsilon = static_cast<float>(c.options.epsilon),
                         .weight_decay = static_cast<float>(c.options.weight_decay),
                         .decoupled = decoupled};
  adam_step(c.pool, c.isa, p, static_cast<size_t>(c.step), c.gradient.data(), c.state[0].data(),
            c.state[1].data(), c.weight.data(), c.weight.size());
}

}  // namespace dunlin::optimizers
