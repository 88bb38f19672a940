#include "learn/optimizers/optimizer.h"

namespace dunlin::optimizers {

namespace {

constexpr std::string_view kState[] = {"momentum"};

void step(const OptimizerCall& c) {
  const float rate = static_cast<float>(c.learning_rate), decay = static_cast<float>(c.options.weight_decay),
              momentum = static_cast<float>(c.options.momentum);
  const std::span<float> velocity = c.state[0];
  for (size_t i = 0; i < c.weight.size(); ++i) {
    float g = c.gradient[i] + decay * c.weight[i];
    if (momentum != 0) {
      velocity[i] = momentum * velocity[i] + g;
      g = c.options.nesterov ? g + momentum * velocity[i] : velocity[i];
    }
    c.weight[i] -= rate * g;
  }
}

}  // namespace

/// Stochastic gradient descent; momentum without dampening; Nesterov's as PyTorch writes it.
extern constexpr OptimizerDef kSgd{.name = "sgd",
                                   .source = "torch.optim.SGD; Sutskever et al., ICML 2013",
                                   .default_learning_rate = 0.01,
                                   .state = kState,
                                   .step = step};

}  // namespace dunlin::optimizers
