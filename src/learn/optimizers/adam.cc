#include <cmath>

#include "learn/optimizers/adam_step.h"

namespace dunlin::optimizers {

void adam_step(const OptimizerCall& c, float l2_decay, float shrink) {
  const OptimizerOptions& o = c.options;
  const double t = static_cast<double>(c.step);
  const float beta1 = static_cast<float>(o.beta1), beta2 = static_cast<float>(o.beta2),
              rest1 = static_cast<float>(1 - o.beta1), rest2 = static_cast<float>(1 - o.beta2),
              step_size = static_cast<float>(c.learning_rate / (1 - std::pow(o.beta1, t))),
              correction = static_cast<float>(std::sqrt(1 - std::pow(o.beta2, t))),
              epsilon = static_cast<float>(o.epsilon);
  const std::span<float> m = c.state[0], v = c.state[1];
  for (size_t i = 0; i < c.weight.size(); ++i) {
    const float w = c.weight[i] * shrink, g = c.gradient[i] + l2_decay * w;
    m[i] = beta1 * m[i] + rest1 * g;
    v[i] = beta2 * v[i] + rest2 * g * g;
    c.weight[i] = w - step_size * m[i] / (std::sqrt(v[i]) / correction + epsilon);
  }
}

/// Kingma and Ba, ICLR 2015, algorithm 1; weight decay as L2 regularisation.
extern constexpr OptimizerDef kAdam{
    .name = "adam",
    .source = "torch.optim.Adam; Kingma and Ba, ICLR 2015",
    .default_learning_rate = 1e-3,
    .state = kAdamState,
    .step = [](const OptimizerCall& c) { adam_step(c, static_cast<float>(c.options.weight_decay), 1.0f); }};

}  // namespace dunlin::optimizers
