#include "graph/infer.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>

#include "graph/macs.h"
#include "graph/name_table.h"
#include "graph/shape_values.h"
#include "graph/splice.h"

namespace dunlin {

namespace {

/// The inputs' values where they are known; of an input of which only the shape is read, a tensor without
/// bytes.
bool gather_known(const Graph& g, const Node& node, const OpDef& op, const std::set<ValueId>& variable,
                  std::vector<const Tensor*>& constants, std::vector<Tensor>& shape_only) {
  bool all = true;
  constants.assign(node.inputs.size(), nullptr);
  shape_only.clear();
  shape_only.reserve(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId v = node.inputs[i];
    if (v == kNoValue) continue;
    if (!variable.contains(v)) constants[i] = g.initializer(v);
    if (constants[i]) continue;
    const Type& t = g.type(v);
    if (op.reads_only_shape(i) && is_plain(t.format) && t.shape && t.shape->known()) {
      shape_only.push_back(Tensor::over(t.format, *t.shape, row_major_strides(*t.shape), nullptr));
      constants[i] = &shape_only.back();
    } else {
      all = false;
    }
  }
  return all;
}

/// none: not all are tensors of known size.
std::optional<uint64_t> bytes_of(const std::vector<Type>& types) {
  uint64_t bytes = 0;
  for (const Type& t : types) {
    if (!t.format || !is_plain(t.format) || !t.shape || !t.shape->known() || !t.is_tensor())
      return std::nullopt;
    bytes += static_cast<uint64_t>(t.shape->num_elements()) * static_cast<uint64_t>(element_bytes(t.format));
  }
  return bytes;
}

/// Without those of which only the shape is known.
uint64_t bytes_of(const std::vector<const Tensor*>& tensors) {
  uint64_t bytes = 0;
  for (const Tensor* t : tensors)
    if (t && (t->format()->kind == FormatDef::Kind::kString || t->plane(Plane::kPayload).data() != nullptr))
      bytes += t->num_bytes();
  return bytes;
}

std::vector<const Shape*> shapes_of(const std::vector<const Tensor*>& tensors) {
  std::vector<const Shape*> out;
  for (const Tensor* t : tensors) out.push_back(t ? &t->shape() : nullptr);
  return out;
}

/// The bytes that folding holds on to, and the values that it may let go of.
class Folded {
 public:
  explicit Folded(const Graph& g) : reads_(use_counts(g)) {}
  /// A node of a subgraph has become one of the graph.
  void add_reads(const Graph& g, const Node& node) {
    reads_.resize(g.values.size(), 0);
    for (ValueId v : node.inputs)
      if (v != kNoValue) ++reads_[static_cast<size_t>(v)];
  }
  uint64_t bytes() const { return bytes_; }
  void add(ValueId v, uint64_t bytes) {
    made_.emplace(v, bytes);
    bytes_ += bytes;
  }
  /// A node that read `v` is gone.
  void release(Graph& g, ValueId v) {
    if (v == kNoValue || --reads_[static_cast<size_t>(v)] > 0) return;
    if (const auto it = made_.find(v); it != made_.end()) {
      bytes_ -= it->second;
      made_.erase(it);
      g.initializers.erase(v);
    }
  }

 private:
  std::vector<int> reads_;  // of each value, still to come
  std::unordered_map<ValueId, uint64_t> made_;
  uint64_t bytes_ = 0;
};

/// The work that folding may still do.
class Allowance {
 public:
  explicit Allowance(const FoldingLimits& limits)
      : left_(limits.max_work), most_macs_(limits.max_node_macs) {}
  bool take(uint64_t bytes, uint64_t macs) {
    if (macs > most_macs_ || bytes > left_ || macs > left_ - bytes) return false;
    left_ -= bytes + macs;
    return true;
  }

 private:
  uint64_t left_, most_macs_;
};

/// Puts the subgraph that an If takes in its place.
class BranchTaker {
 public:
  explicit BranchTaker(const Graph& g) : names_(g) {}

  /// none: the node is no If, or its condition is not known.
  static std::optional<Body> branch(const Graph& g, const Node& node, const std::set<ValueId>& variable) {
    if (node.op != "If" || !node.domain.empty() || num_own_inputs(node) != 1) return std::nullopt;
    const Tensor* condition = variable.contains(node.inputs[0]) ? nullptr : g.initializer(node.inputs[0]);
    if (!condition || condition->num_elements() != 1 || condition->format() != &formats::kBool)
      return std::nullopt;
    const std::string_view name = to_scalar(*condition) != 0 ? "then_branch" : "else_branch";
    // One that does not fit is left for inference to complain about.
    for (const Body& body : bodies_of(node))
      if (body.attribute == name && body.graph->inputs.empty() &&
          body.graph->outputs.size() == node.outputs.size())
        return body;
    return std::nullopt;
  }

  std::vector<Node> take(Graph& g, const Node& node, const Body& body) {
    std::string prefix;
    for (size_t i = 0; prefix.empty() && i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNoValue) prefix = g.value_name(node.outputs[i]);
    constexpr size_t kLongest = 256;  // a name grows with every If inside an If
    if (prefix.size() > kLongest) prefix.resize(kLongest);
    const auto unused = [&](const std::string& inner) { return names_.unused(prefix + "/" + inner); };
    const std::span<const ValueId> captures =
        std::span(node.inputs).subspan(body.first_capture, body.graph->captured.size());
    const Splice splice(g, *body.graph, body.graph->captured, captures, node.outputs, unused);
    std::vector<Node> nodes;
    for (const Node& inner : body.graph->nodes) nodes.push_back(splice.node(inner, prefix));
    for (Node& copy : splice.copies(prefix)) nodes.push_back(std::move(copy));
    return nodes;
  }

 private:
  NameTable names_;
};

}  // namespace

Graph infer_and_fold(Graph g, const InferOptions& options) {
  for (ValueId v : g.inputs) {
    const auto it = options.input_shapes.find(g.value_name(v));
    if (it != options.input_shapes.end()) g.values[static_cast<size_t>(v)].type.shape = it->second;
  }
  std::vector<Node> kept;
  Folded folded(g);
  Allowance allowance(options.folding);
  ShapeValues values;
  BranchTaker branches(g);
  std::deque<Node> todo(std::make_move_iterator(g.nodes.begin()), std::make_move_iterator(g.nodes.end()));
  while (!todo.empty()) {
    Node node = std::move(todo.front());
    todo.pop_front();
    const OpDef& op = op_of(g, node);
    if (const auto body = BranchTaker::branch(g, node, options.variable)) {
      std::vector<Node> taken = branches.take(g, node, *body);
      for (const Node& n : taken) folded.add_reads(g, n);
      for (ValueId v : node.inputs) folded.release(g, v);
      todo.insert(todo.begin(), std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
      continue;
    }
    std::vector<const Tensor*> constants;
    std::vector<Tensor> shape_only;
    const bool all_known = gather_known(g, node, op, options.variable, constants, shape_only);
    std::vector<Type> in_types;
    for (ValueId v : node.inputs) in_types.push_back(v == kNoValue ? Type{} : g.type(v));
    std::vector<Type> out_types = infer_node(g, node, in_types, constants, options.depth);
    values.visit(g, node, in_types, constants);
    if (!out_types.empty()) values.refine(g, node, in_types, constants, out_types[0]);
    const std::optional<uint64_t> bytes = bytes_of(out_types);
    const bool stays = !options.fold_dequantized && node.op == "DequantizeLinear";
    const bool fold = all_known && !stays && !op.random && !op.costly && op.forward && bytes &&
                      *bytes + folded.bytes() <= options.folding.max_bytes &&
                      *bytes <= std::max(4 * bytes_of(constants), options.folding.max_grown_bytes) &&
                      allowance.take(bytes_of(constants) + *bytes,
                                     macs_of(node, shapes_of(constants), *out_types[0].shape));
    std::vector<Tensor> results;
    if (fold) results = run_reference(g, node, constants);
    // A size that is known of a shape that is not all known: Gather(Shape(x), 2) while the batch is open.
    const bool counted =
        !fold && node.outputs.size() == 1 && values.put_constant(node.outputs[0], out_types[0], results);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId v = node.outputs[i];
      if (v == kNoValue) continue;
      Type& type = g.values[static_cast<size_t>(v)].type;
      if (out_types[i].format) type.format = out_types[i].format;
      // What a file says of a value between nodes is only a claim: an op that does not know overrules it.
      type.shape = std::move(out_types[i].shape);
      type.kind = out_types[i].kind;
      type.optional = out_types[i].optional;
      if (!fold && !counted) continue;
      folded.add(v, results[i].num_bytes());
      g.initializers[v] = std::make_shared<const Tensor>(std::move(results[i]));
    }
    if (!fold && !counted) {
      kept.push_back(std::move(node));
      continue;
    }
    for (ValueId v : node.inputs) folded.release(g, v);
  }
  g.nodes = std::move(kept);
  return g;
}

Graph remove_dead(Graph g) {
  std::vector<char> live(g.values.size(), 0);
  const auto mark = [&](ValueId v) { live[static_cast<size_t>(v)] = 1; };
  for (ValueId v : g.outputs)
    if (v != kNoValue) mark(v);
  std::vector<char> keep(g.nodes.size(), 0);
  for (size_t i = g.nodes.size(); i-- > 0;) {
    const Node& node = g.nodes[i];
    keep[i] = std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](ValueId v) { return v != kNoValue && live[static_cast<size_t>(v)]; });
    if (!keep[i]) continue;
    for (ValueId v : node.inputs)
      if (v != kNoValue) mark(v);
  }
  std::vector<Node> nodes;
  for (size_t i = 0; i < g.nodes.size(); ++i)
    if (keep[i]) nodes.push_back(std::move(g.nodes[i]));
  g.nodes = std::move(nodes);
  std::erase_if(g.initializers, [&](const auto& item) { return !live[static_cast<size_t>(item.first)]; });
  return g;
}

}  // namespace dunlin
