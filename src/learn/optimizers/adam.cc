#include "learn/optimizers/adam_family.h"

namespace dunlin::optimizers {

/// Kingma and Ba, ICLR 2015, algorithm 1; weight decay as L2 regularisation.
extern constexpr OptimizerDef kAdam{.name = "adam",
                                    .source = "torch.optim.Adam; Kingma and Ba, ICLR 2015",
                                    .default_learning_rate = 1e-3,
                                    .state = kAdamState,
                                    .step = [](const OptimizerCall& c) { step_adam(c, false); }};

}  // namespace dunlin::optimizers
