#include "kernels/optimizer/optimizer.h"

#include "learn/optimizers/optimizer.h"

namespace dunlin::optimizers {

namespace {

constexpr std::string_view kState[] = {"momentum"};

void step(const OptimizerCall& c) {
  const SgdParameters p{.learning_rate = static_cast<float>(c.learning_rate),
                        .momentum = static_cast<float>(c.options.momentum),
                        .weight_decay = static_cast<float>(c.options.weight_decay),
                        .nesterov = c.options.nesterov};
  sgd_step(c.pool, c.isa, p, c.gradient.data(), c.state[0].data(), c.weight.data(), c.weight.size());
}

}  // namespace

/// Stochastic gradient descent; momentum without dampening; Nesterov's as PyTorch writes it.
extern constexpr OptimizerDef kSgd{.name = "sgd",
                                   .source = "torch.optim.SGD; Sutskever et al., ICML 2013",
                                   .default_learning_rate = 0.01,
                                   .state = kState,
                                   .step = step};

}  // namespace dunlin::optimizers
