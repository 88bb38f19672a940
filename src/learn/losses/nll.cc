#include "base/error.h"
#include "graph/op.h"
#include "learn/losses/bce.h"
#include "learn/losses/loss.h"

namespace dunlin::losses {

namespace {

/// For models that end in a probability: the loss of their logits, which is the same number without the
/// logarithm of a rounded probability. The model itself stays as it is.
ValueId append(LossBuilder& b) {
  const Node* last = b.last_node(true);
  if (last && last->op == "Sigmoid") return append_bce(b, last->inputs[0]);
  if (!last || (last->op != "Softmax" && last->op != "LogSoftmax"))
    fail(ErrorCode::kFailedPrecondition,
         "--loss nll needs a model that ends in Softmax, LogSoftmax or Sigmoid; this one "
         "ends in {}: use --loss ce for logits",
         last ? describe(b.graph(), *last) : "its input");
  b.require_classes("probabilities");
  const NodeView view(b.graph(), *last);
  if (const int64_t axis = view.attr_int("axis", view.opset() < 13 ? 1 : -1); axis != 1 && axis != -1)
    fail(ErrorCode::kFailedPrecondition, "--loss nll: {} runs along axis {}, not along the classes",
         describe(b.graph(), *last), axis);
  const ValueId logits = last->inputs[0];  // before emitting moves the nodes
  const ValueId target = b.add_target({.class_number = true, .shape = {}});
  return b.emit("SoftmaxCrossEntropyLoss", {logits, target}, {{"reduction", std::string("mean")}});
}

}  // namespace

extern constexpr LossDef kNll{
    .name = "nll", .source = "negative log-likelihood of the model's own probabilities", .append = append};

}  // namespace dunlin::losses
