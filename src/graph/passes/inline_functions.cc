#include "graph/passes/inline_functions.h"

#include <algorithm>

#include "graph/graph_bytes.h"
#include "graph/name_table.h"
#include "graph/op.h"
#include "graph/passes/expand_gradients.h"
#include "graph/splice.h"

namespace dunlin {

namespace {

using Names = std::map<std::string, std::string, std::less<>>;

class Inliner {
 public:
  Inliner(const Model& model, const ModelLimits& limits) : model_(model), limits_(limits) {
    for (const Function& f : model.functions) functions_.emplace(std::pair(f.domain, f.name), &f);
    model_bytes_ = bytes_of(model.graph) + bytes_of_tensors(model.graph);
    for (const Function& f : model.functions) model_bytes_ += bytes_of(f.body) + bytes_of_tensors(f.body);
  }

  Graph run() {
    collect_names(model_.graph);
    Graph g = model_.graph;
    expand(g);
    return g;
  }

 private:
  const Function* callee(const Graph& g, const Node& node) const {
    const auto it = functions_.find(std::pair(node.domain, node.op));
    if (it == functions_.end()) return nullptr;
    return !node.domain.empty() && find_op(node.domain, node.op, g.opset_of(node)) ? nullptr : it->second;
  }

  void collect_names(const Graph& g) {
    names_.add(g);
    for (const Node& node : g.nodes)
      for (const auto& [name, a] : node.attributes)
        if (const GraphPtr* sub = std::get_if<GraphPtr>(&a)) collect_names(**sub);
  }

  void spend(uint64_t bytes) {
    bytes_ += bytes;
    if (bytes_ > limits_.max_inlined_bytes)
      fail(ErrorCode::kResourceExhausted, "functions of the model expand to more than {} bytes",
           limits_.max_inlined_bytes);
    check_model_bytes(model_bytes_ + bytes_, limits_.max_model_bytes);
  }

  void expand(Graph& g) {
    std::vector<Node> old = std::move(g.nodes);
    g.nodes.clear();
    for (Node& node : old) add(g, std::move(node));
  }

  void add(Graph& g, Node node) {
    if (++nodes_ > limits_.max_nodes)
      fail(ErrorCode::kResourceExhausted, "functions of the model expand to more than {} nodes",
           limits_.max_nodes);
    if (const Function* f = callee(g, node)) return splice(g, node, *f);
    for (auto& [name, a] : node.attributes)
      if (GraphPtr* sub = std::get_if<GraphPtr>(&a)) {
        Graph copy = **sub;
        expand(copy);
        *sub = std::make_shared<const Graph>(std::move(copy));
      }
    g.nodes.push_back(std::move(node));
  }

  void splice(Graph& g, const Node& call, const Function& f) {
    check_stack(g, call, f);
    const Graph& body = f.body;
    const size_t num_inputs = num_own_inputs(call);
    if (num_inputs > body.inputs.size() || call.outputs.size() > body.outputs.size())
      fail(ErrorCode::kInvalidArgument, "{}: {} inputs and {} outputs; the function has {} and {}",
           describe(g, call), num_inputs, call.outputs.size(), body.inputs.size(), body.outputs.size());
    std::string prefix = call.name;
    for (size_t i = 0; prefix.empty() && i < call.outputs.size(); ++i)
      if (call.outputs[i] != kNoValue) prefix = g.value_name(call.outputs[i]);
    constexpr size_t kLongest = 256;  // a name grows with every call inside a call
    if (prefix.size() > kLongest) prefix.resize(kLongest);

    for (const Value& v : body.values) spend(sizeof(Value) + prefix.size() + v.name.size());
    const std::span<const ValueId> inputs(call.inputs.data(), num_inputs);
    Splice splice(g, body, body.inputs, inputs, call.outputs,
                  [&](const std::string& name) { return names_.unused(prefix + "/" + name); });
    Names names;
    for (size_t v = 0; v < body.values.size(); ++v)
      if (const ValueId to = splice.to(static_cast<ValueId>(v)); to != kNoValue)
        names.emplace(body.values[v].name, g.value_name(to));

    stack_.push_back(&f);
    for (const Node& inner : body.nodes) {
      spend(bytes_of(inner) + prefix.size());
      Node node = splice.node(inner, prefix);
      bind(node, call, f, names);
      add(g, std::move(node));
    }
    stack_.pop_back();
    for (Node& copy : splice.copies(prefix)) g.nodes.push_back(std::move(copy));
  }

  void check_stack(const Graph& g, const Node& call, const Function& f) const {
    if (std::find(stack_.begin(), stack_.end(), &f) != stack_.end()) {
      std::string chain;
      for (const Function* s : stack_) chain += s->name + " -> ";
      fail(ErrorCode::kCorrupt, "{}: functions of the model call each other in a circle: {}{}",
           describe(g, call), chain, f.name);
    }
    if (stack_.size() >= static_cast<size_t>(limits_.max_call_depth))
      fail(ErrorCode::kResourceExhausted, "{}: functions call functions deeper than {}", describe(g, call),
           limits_.max_call_depth);
  }

  /// Gives a body's node the call's attributes, and its subgraphs names of their own.
  void bind(Node& node, const Node& call, const Function& f, const Names& names, bool in_subgraph = false) {
    // A subgraph that the call gives brings along what it captures.
    std::map<std::string, std::vector<ValueId>, std::less<>> captures;
    const auto note = [&](const Node& from, const Body& b, std::string_view attribute) {
      const auto first = from.inputs.begin() + static_cast<std::ptrdiff_t>(b.first_capture);
      captures.emplace(attribute, std::vector<ValueId>(
                                      first, first + static_cast<std::ptrdiff_t>(b.graph->captured.size())));
    };
    for (const Body& b : bodies_of(node)) note(node, b, b.attribute);
    for (const auto& [name, a] : node.attributes)
      if (const AttributeRef* ref = std::get_if<AttributeRef>(&a))
        for (const Body& b : bodies_of(call))
          if (b.attribute == ref->name) {
            if (in_subgraph && !b.graph->captured.empty())
              fail(ErrorCode::kUnsupported,
                   "function {}.{}: the graph {} captures values, and is used in a subgraph of the function",
                   f.domain, f.name, ref->name);
            note(call, b, name);
          }
    node.inputs.resize(num_own_inputs(node));
    for (auto it = node.attributes.begin(); it != node.attributes.end();) {
      if (const AttributeRef* ref = std::get_if<AttributeRef>(&it->second)) {
        const auto given = call.attributes.find(ref->name);
        const auto otherwise = f.defaults.find(ref->name);
        if (given == call.attributes.end() && otherwise == f.defaults.end()) {
          it = node.attributes.erase(it);  // the op's own default holds
          continue;
        }
        it->second = given != call.attributes.end() ? given->second : otherwise->second;
      } else if (GraphPtr* sub = std::get_if<GraphPtr>(&it->second)) {
        *sub = std::make_shared<const Graph>(renamed(**sub, call, f, names));
      }
      ++it;
    }
    for (const auto& [name, values] : captures)
      node.inputs.insert(node.inputs.end(), values.begin(), values.end());
  }

  Graph renamed(Graph sub, const Node& call, const Function& f, Names names) {
    std::vector<char> captured(sub.values.size(), 0);
    for (ValueId v : sub.captured) captured[static_cast<size_t>(v)] = 1;
    for (size_t v = 0; v < sub.values.size(); ++v) {
      std::string& name = sub.values[v].name;
      if (captured[v]) {
        const auto it = names.find(name);
        if (it == names.end())
          fail(ErrorCode::kUnsupported,
               "function {}.{}: its subgraph reads the input \"{}\", which the call leaves out", f.domain,
               f.name, name);
        name = it->second;
      } else {
        std::string fresh = names_.unused(name);
        names[name] = fresh;
        name = std::move(fresh);
      }
    }
    for (Node& node : sub.nodes) bind(node, call, f, names, true);
    return sub;
  }

  const Model& model_;
  const ModelLimits& limits_;
  std::map<std::pair<std::string, std::string>, const Function*> functions_;  // by domain and name
  NameTable names_;
  std::vector<const Function*> stack_;
  uint64_t nodes_ = 0, bytes_ = 0, model_bytes_ = 0;
};

}  // namespace

Graph inline_functions(const Model& model, const ModelLimits& limits) {
  return expand_gradients(model.functions.empty() ? model.graph : Inliner(model, limits).run(),
                          limits.max_nodes);
}

}  // namespace dunlin
