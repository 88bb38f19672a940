// Losses: one file each, listed once in catalog.def. A loss is a few nodes between the model's output, the
// targets and one number, the mean over the batch; so it is differentiated, planned and run like the rest of
// the graph.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "graph/ir.h"
#include "learn/loader.h"

namespace dunlin {

/// What a loss sees: the graph, the model's output, and means to add to it.
class LossBuilder {
 public:
  LossBuilder(Graph& graph, ValueId output, std::string_view loss)
      : graph_(graph), output_(output), loss_(loss) {}

  Graph& graph() { return graph_; }
  ValueId output() const { return output_; }
  /// Of the output, without the batch. Throws kFailedPrecondition when a dimension is not known.
  Shape sample_shape() const;
  /// Adds the targets as the graph's last input.
  ValueId add_target(const TargetForm& form);
  ValueId emit(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {});
  /// The node that gives the output, looking through ops that only pass values on; null when there is none.
  /// `direct`: through Identity only.
  const Node* last_node(bool direct = false) const;
  /// Throws kFailedPrecondition when the model ends in one of `ops`, naming the node and the remedy.
  void refuse_behind(std::initializer_list<std::string_view> ops, std::string_view remedy) const;
  /// [N, classes] is expected, or with `of_parts` [N, classes, ...] too, of at least 2 classes: throws otherwise.
  void require_classes(const char* what, bool of_parts = false) const;

  const TargetForm& form() const { return form_; }
  ValueId target() const { return target_; }

 private:
  Graph& graph_;
  ValueId output_;
  std::string_view loss_;
  TargetForm form_;
  ValueId target_ = kNoValue;
};

struct LossDef {
  std::string_view name;
  std::string_view source;
  /// Adds the nodes; returns the one number.
  ValueId (*append)(LossBuilder&);
};

using Loss = const LossDef*;

struct WithLoss {
  Graph graph;
  ValueId loss;
  TargetForm form;
};

/// Null for the path of an .onnx file. Throws kInvalidArgument listing what there is.
Loss find_loss(const std::string& loss);

/// `loss` is a name of the catalog or the path of an .onnx file whose graph takes (outputs, targets). The
/// types of the graph's values must have been inferred. Errors as find_loss().
WithLoss append_loss(Graph graph, ValueId output, const std::string& loss);

}  // namespace dunlin
