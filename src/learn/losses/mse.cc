#include "learn/losses/loss.h"

namespace dunlin::losses {

/// Mean squared error over all elements.
extern constexpr LossDef kMse{
    .name = "mse", .source = "torch.nn.MSELoss", .append = [](LossBuilder& b) {
      const ValueId target = b.add_target({.class_number = false, .shape = b.sample_shape()});
      const ValueId d = b.emit("Sub", {b.output(), target});
      return b.emit("ReduceMean", {b.emit("Mul", {d, d})}, {{"keepdims", int64_t{0}}});
    }};

}  // namespace dunlin::losses
