#include "learn/losses/loss.h"

namespace dunlin::losses {

/// Cross-entropy of logits [N, classes] against class numbers.
extern constexpr LossDef kCe{
    .name = "ce", .source = "ONNX SoftmaxCrossEntropyLoss", .append = [](LossBuilder& b) {
      b.refuse_behind({"Softmax", "LogSoftmax", "Sigmoid"},
                      "its gradient would pass through two of them. Export the model without that node, or "
                      "use --loss nll, "
                      "which trains on what stands before it");
      b.require_classes("logits");
      const ValueId target = b.add_target({.class_number = true, .shape = {}});
      return b.emit("SoftmaxCrossEntropyLoss", {b.output(), target}, {{"reduction", std::string("mean")}});
    }};

}  // namespace dunlin::losses
