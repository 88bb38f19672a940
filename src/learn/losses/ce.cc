#include "learn/losses/loss.h"

namespace dunlin::losses {

/// Cross-entropy of logits [N, classes] against class numbers [N]; of [N, classes, ...], one for each pixel or
/// step, against class numbers [N, ...].
extern constexpr LossDef kCe{
    .name = "ce", .source = "ONNX SoftmaxCrossEntropyLoss", .append = [](LossBuilder& b) {
      b.refuse_behind({"Softmax", "LogSoftmax", "Sigmoid"},
                      "its gradient would pass through two of them. Export the model without that node, or "
                      "use --loss nll, "
                      "which trains on what stands before it");
      b.require_classes("logits", true);
      const Shape logits = b.sample_shape();
      TargetForm form;
      if (logits.rank() > 1)
        form = {.class_number = false,
                .shape = Shape(std::vector<int64_t>(logits.begin() + 1, logits.end())),
                .whole = true};
      const ValueId target = b.add_target(form);
      return b.emit("SoftmaxCrossEntropyLoss", {b.output(), target}, {{"reduction", std::string("mean")}});
    }};

}  // namespace dunlin::losses
