#include "learn/losses/bce.h"

namespace dunlin::losses {

ValueId append_bce(LossBuilder& b, ValueId logits) {
  const ValueId target = b.add_target({.class_number = false, .shape = b.sample_shape()});
  // -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x
  const ValueId each = b.emit("Sub", {b.emit("Softplus", {logits}), b.emit("Mul", {target, logits})});
  return b.emit("ReduceMean", {each}, {{"keepdims", int64_t{0}}});
}

/// Mean binary cross-entropy of logits against numbers of 0 to 1.
extern constexpr LossDef kBce{
    .name = "bce", .source = "torch.nn.BCEWithLogitsLoss", .append = [](LossBuilder& b) {
      b.refuse_behind({"Sigmoid", "Softmax", "LogSoftmax", "HardSigmoid"},
                      "its gradient would pass through two of them. Export the model without that node, or "
                      "use --loss nll, "
                      "which trains on what stands before it");
      return append_bce(b, b.output());
    }};

}  // namespace dunlin::losses
