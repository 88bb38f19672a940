// What passes ask of a graph while they put one node in the place of several.
#pragma once

#include <optional>
#include <set>

#include "graph/op.h"

namespace dunlin {

class Rewrite {
 public:
  /// `variable` initialisers are trained: never taken for constants. Both must outlive this.
  Rewrite(Graph& graph, const std::set<ValueId>& variable);

  /// The node that makes `v`, when it is this op of ai.onnx and broadcasts as NumPy does; null otherwise.
  const Node* maker(ValueId v, std::string_view op) const;
  /// The same when only one input of one node reads `v`.
  const Node* sole_maker(ValueId v, std::string_view op) const;
  int reads(ValueId v) const { return reads_[static_cast<size_t>(v)]; }
  /// The one reader of `v`; null when it is read more than once or as an output of the graph.
  Node* sole_reader(ValueId v);

  const Tensor* constant(ValueId v) const;
  /// Of a constant floating-point tensor of one element.
  std::optional<double> number(ValueId v) const;
  /// Up to the rounding of f32.
  bool is_number(ValueId v, double value) const;
  /// The other input of a node of two, one of which is this number; kNoValue when there is none.
  ValueId beside(const Node* node, double value) const;
  /// Axes of a reduction, counted from the front; none when they are not known, or with keepdims 0.
  std::optional<std::vector<int>> kept_axes(const Node& reduction) const;
  /// Whether the types of both are known and the same.
  bool same_type(ValueId a, ValueId b) const;

  /// Whether nothing but these nodes, neither an output of the graph nor one of the `inputs` of what takes their
  /// place, needs what a part makes.
  bool can_replace(const Node& root, std::span<const Node* const> parts,
                   std::span<const ValueId> inputs) const;
  /// `with` takes the place of `root`, which and its `parts` it computes in one, and gets root's name and outputs.
  /// False, and nothing happens, where it cannot.
  bool replace(const Node& root, std::span<const Node* const> parts, Node with);
  /// Whoever reads the outputs of `node` reads `v` instead; they are no outputs of the graph.
  void bypass(const Node& node, ValueId v);
  /// Input i of `node` is `v` from now on.
  void read_instead(const Node& node, size_t i, ValueId v);
  bool is_output(ValueId v) const { return outputs_.contains(v); }

  Graph& graph() { return g_; }
  const Graph& graph() const { return g_; }
  const Type& type(ValueId v) const { return g_.type(v); }

 private:
  struct Read {
    int node;
    size_t input;
  };
  size_t index(const Node& node) const { return static_cast<size_t>(&node - g_.nodes.data()); }
  void list_reads(size_t node);
  bool still_reads(const Read& read, ValueId v) const;
  void count(const Node& node, int by);

  Graph& g_;
  const std::set<ValueId>& variable_;
  std::vector<int> producer_, reads_;
  std::vector<std::vector<Read>> readers_;  // inputs that read each value, or did
  std::set<ValueId> outputs_;
};

/// A node of the newest opset.
Node new_node(std::string op, std::vector<ValueId> inputs, Attributes attributes = {},
              std::string_view domain = "");

}  // namespace dunlin
