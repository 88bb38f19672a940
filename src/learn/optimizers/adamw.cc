#include "learn/optimizers/adam_family.h"

namespace dunlin::optimizers {

/// Loshchilov and Hutter, ICLR 2019, algorithm 2: the weight decays by itself, apart from the moments.
extern constexpr OptimizerDef kAdamw{.name = "adamw",
                                     .source = "torch.optim.AdamW; Loshchilov and Hutter, ICLR 2019",
                                     .default_learning_rate = 1e-3,
                                     .state = kAdamState,
                                     .step = [](const OptimizerCall& c) { step_adam(c, true); }};

}  // namespace dunlin::optimizers
