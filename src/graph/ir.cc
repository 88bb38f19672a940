#include "graph/ir.h"

#include <unordered_set>

#include "base/error.h"
#include "graph/node_error.h"

namespace dunlin {

std::string to_string(const Type& type) {
  std::string text(type.format ? type.format->name : "?");
  if (type.shape) text += to_string(*type.shape);
  if (type.kind == Type::Kind::kSequence) text = "sequence(" + text + ")";
  return type.optional ? "optional(" + text + ")" : text;
}

ValueId Graph::add_value(std::string name, Type type) {
  values.push_back({std::move(name), std::move(type)});
  return static_cast<ValueId>(values.size() - 1);
}

std::string Graph::unused_name(std::string_view base) const {
  std::unordered_set<std::string_view> used;
  for (const Value& v : values) used.insert(v.name);
  std::string name(base);
  for (int i = 2; used.contains(name); ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

ValueId Graph::add_initializer(std::string name, TensorPtr tensor) {
  const ValueId v = add_value(std::move(name), {.format = tensor->format(), .shape = tensor->shape()});
  initializers.emplace(v, std::move(tensor));
  return v;
}

ValueId Graph::find(std::string_view name) const {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].name == name) return static_cast<ValueId>(i);
  return kNoValue;
}

const Tensor* Graph::initializer(ValueId v) const {
  const auto it = initializers.find(v);
  return it == initializers.end() ? nullptr : it->second.get();
}

int Graph::opset_of(const Node& node) const {
  if (node.opset != 0) return node.opset;
  const auto it = opsets.find(node.domain);
  return it == opsets.end() ? 1 : it->second;
}

std::string describe(const Graph& graph, const Node& node) {
  std::string name = node.name;
  for (size_t i = 0; name.empty() && i < node.outputs.size(); ++i)
    if (node.outputs[i] != kNoValue) name = graph.value_name(node.outputs[i]);
  return fmt::format("{}{}{} \"{}\"", node.domain, node.domain.empty() ? "" : ".", node.op, name);
}

std::vector<int> producers(const Graph& graph) {
  std::vector<int> result(graph.values.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (ValueId v : graph.nodes[i].outputs)
      if (v != kNoValue) result[static_cast<size_t>(v)] = static_cast<int>(i);
  return result;
}

std::vector<int> use_counts(const Graph& graph) {
  std::vector<int> result(graph.values.size(), 0);
  const auto use = [&](const std::vector<ValueId>& values) {
    for (ValueId v : values)
      if (v != kNoValue) ++result[static_cast<size_t>(v)];
  };
  for (const Node& node : graph.nodes) use(node.inputs);
  use(graph.outputs);
  return result;
}

size_t num_own_inputs(const Node& node) {
  size_t captured = 0;
  for (const auto& [name, attribute] : node.attributes)
    if (const GraphPtr* sub = std::get_if<GraphPtr>(&attribute)) captured += (*sub)->captured.size();
  DUNLIN_CHECK(captured <= node.inputs.size());
  return node.inputs.size() - captured;
}

std::vector<Body> bodies_of(const Node& node) {
  std::vector<Body> out;
  size_t at = num_own_inputs(node);
  for (const auto& [name, attribute] : node.attributes)
    if (const GraphPtr* sub = std::get_if<GraphPtr>(&attribute)) {
      out.push_back({name, sub->get(), out.size(), at});
      at += (*sub)->captured.size();
    }
  return out;
}

namespace {
template <typename T>
constexpr std::string_view kTypeName = "?";
template <>
constexpr std::string_view kTypeName<int64_t> = "an int";
template <>
constexpr std::string_view kTypeName<float> = "a float";
template <>
constexpr std::string_view kTypeName<std::string> = "a string";
template <>
constexpr std::string_view kTypeName<TensorPtr> = "a tensor";
template <>
constexpr std::string_view kTypeName<GraphPtr> = "a graph";
template <>
constexpr std::string_view kTypeName<std::vector<int64_t>> = "a list of ints";
template <>
constexpr std::string_view kTypeName<std::vector<float>> = "a list of floats";
template <>
constexpr std::string_view kTypeName<std::vector<std::string>> = "a list of strings";
template <>
constexpr std::string_view kTypeName<Type> = "a type";
}  // namespace

template <typename T>
const T* find_attribute(const Node& node, std::string_view name) {
  const auto it = node.attributes.find(name);
  if (it == node.attributes.end()) return nullptr;
  if (const T* value = std::get_if<T>(&it->second)) return value;
  throw NodeError(ErrorCode::kInvalidArgument,
                  fmt::format("{} \"{}\": attribute {} is not {}", node.op, node.name, name, kTypeName<T>));
}
template const int64_t* find_attribute(const Node&, std::string_view);
template const float* find_attribute(const Node&, std::string_view);
template const std::string* find_attribute(const Node&, std::string_view);
template const TensorPtr* find_attribute(const Node&, std::string_view);
template const GraphPtr* find_attribute(const Node&, std::string_view);
template const std::vector<int64_t>* find_attribute(const Node&, std::string_view);
template const std::vector<float>* find_attribute(const Node&, std::string_view);
template const std::vector<std::string>* find_attribute(const Node&, std::string_view);
template const Type* find_attribute(const Node&, std::string_view);

}  // namespace dunlin
