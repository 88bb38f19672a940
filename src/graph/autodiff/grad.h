// What an op's gradient function sees: the node's values, the gradients that reached its outputs, and means
// to emit nodes. Emitted nodes use ONNX ops at kNewestOpset, or ops of the internal `dunlin` domain.
#pragma once

#include "graph/op.h"

namespace dunlin {

class Grad : public NodeView {
 public:
  /// `out_grads`: kNoValue where no gradient reached. `needed`: which inputs lead to a trained weight.
  Grad(Graph& graph, const Node& node, std::vector<ValueId> out_grads, std::vector<bool> needed)
      : NodeView(graph, node),
        target_(&graph),
        out_grads_(std::move(out_grads)),
        needed_(std::move(needed)),
        in_grads_(node.inputs.size(), kNoValue) {}

  ValueId in(int i) const { return has_input(i) ? node().inputs[static_cast<size_t>(i)] : kNoValue; }
  ValueId out(int i) const { return has_output(i) ? node().outputs[static_cast<size_t>(i)] : kNoValue; }
  /// kNoValue when no gradient flows into output i.
  ValueId out_grad(int i) const { return out_grads_[static_cast<size_t>(i)]; }
  /// Whether the gradient of input i is wanted at all; what is not need not be emitted.
  bool needs(int i) const { return has_input(i) && needed_[static_cast<size_t>(i)]; }

  /// Emits a node with one output. The domain follows from the name: ONNX ops first, then our own.
  ValueId emit(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {});
  /// Emits a node with `num_outputs` outputs.
  std::vector<ValueId> emit_many(std::string_view op, std::vector<ValueId> inputs, int num_outputs,
                                 Attributes attributes = {});
  /// A float scalar, in the format of `like`.
  ValueId constant(float value, ValueId like);
  ValueId constant_ints(std::vector<int64_t> values);

  ValueId add(ValueId a, ValueId b) { return emit("Add", {a, b}); }
  ValueId sub(ValueId a, ValueId b) { return emit("Sub", {a, b}); }
  ValueId mul(ValueId a, ValueId b) { return emit("Mul", {a, b}); }
  ValueId div(ValueId a, ValueId b) { return emit("Div", {a, b}); }
  ValueId neg(ValueId a) { return emit("Neg", {a}); }
  /// Sums `v` over the axes along which `like` was broadcast. Nothing is emitted when the shapes are known
  /// equal.
  ValueId reduce_to(ValueId v, ValueId like);

  /// The gradient of input i. Ignored when it is not needed; at most once per input.
  void to_input(int i, ValueId gradient);
  ValueId input_gradient(int i) const { return in_grads_[static_cast<size_t>(i)]; }
  std::vector<Node>& emitted() { return emitted_; }

 private:
  Graph* target_;
  std::vector<ValueId> out_grads_;
  std::vector<bool> needed_;
  std::vector<ValueId> in_grads_;
  std::vector<Node> emitted_;
};

}  // namespace dunlin
