// The graph: ONNX-shaped, typed. Values are numbered; nodes are kept in topological order. Passes are
// functions Graph -> Graph; a copy is cheap, because initialisers are shared and immutable.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "dunlin/tensor.h"

namespace dunlin {

using ValueId = int32_t;
/// Stands for an optional input or output that is not there.
inline constexpr ValueId kNoValue = -1;

/// Our own ops (ConvGradWeight, ...): never exported.
inline constexpr std::string_view kDunlinDomain = "dunlin";
/// Opset that nodes made by passes and gradients are written in.
inline constexpr int kNewestOpset = 24;

struct Type {
  enum class Kind : uint8_t { kTensor, kSequence };
  Kind kind = Kind::kTensor;
  Format format = nullptr;     ///< of the elements; null while unknown
  std::optional<Shape> shape;  ///< none while the rank is unknown; dimensions as shape.h says
  bool optional = false;       ///< there may be nothing

  bool is_tensor() const { return kind == Kind::kTensor && !optional; }

  bool operator==(const Type&) const = default;
};

/// "f32[2,3]"
std::string to_string(const Type& type);

struct Graph;
using TensorPtr = std::shared_ptr<const Tensor>;
using GraphPtr = std::shared_ptr<const Graph>;

/// Inside a function's body: the value of the calling node's attribute of that name.
struct AttributeRef {
  std::string name;
  int onnx_type = 0;  ///< AttributeProto.type, which export must state

  bool operator==(const AttributeRef&) const = default;
};

using Attribute = std::variant<int64_t, float, std::string, TensorPtr, GraphPtr, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>, Type, AttributeRef>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

struct Node {
  std::string op;
  std::string domain;  ///< "" is ai.onnx
  std::string name;    ///< may be empty; errors then name the first output
  Attributes attributes;
  /// kNoValue for an optional one left out. After the op's own follow those that its subgraphs capture, in
  /// the order of attributes, so that whoever asks what a node reads need not look into them.
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;  ///< likewise
  int opset = 0;                 ///< 0: the graph's opset for the domain
  std::string doc_string = {};
};

struct Value {
  std::string name;  ///< unique within the graph and its enclosing graphs
  Type type;
};

struct Graph {
  std::string name;
  std::deque<Value> values;  ///< a deque, so that a reference survives adding more
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;  ///< without those that have an initialiser
  std::vector<ValueId> outputs;
  std::unordered_map<ValueId, TensorPtr> initializers;
  std::vector<std::string> symbols;                ///< dimension -(2 + i) is named symbols[i]
  std::map<std::string, int, std::less<>> opsets;  ///< domain -> version
  /// In a subgraph: what stands for values of the enclosing graph. The node that has the subgraph lists those
  /// among its inputs; on reading they bear the same names.
  std::vector<ValueId> captured;
  std::string doc_string = {};

  ValueId add_value(std::string name, Type type = {});
  /// A value name that is not in use: `base`, or `base_2`, ...
  std::string unused_name(std::string_view base) const;
  ValueId add_initializer(std::string name, TensorPtr tensor);
  ValueId find(std::string_view name) const;  ///< kNoValue when there is none
  const Tensor* initializer(ValueId v) const;
  const Type& type(ValueId v) const { return values[static_cast<size_t>(v)].type; }
  const std::string& value_name(ValueId v) const { return values[static_cast<size_t>(v)].name; }
  int opset_of(const Node& node) const;
};

/// A model-local function (FunctionProto), kept so that export gives it back.
struct Function {
  std::string domain, name;
  std::vector<std::string> attributes;  ///< without default
  Attributes defaults;
  Graph body;
};

struct Model {
  Graph graph;
  int64_t ir_version = 10;
  std::string producer_name, producer_version, domain, doc_string;
  int64_t model_version = 0;
  std::map<std::string, std::string> metadata;  ///< metadata_props; the model's task is in here
  std::vector<Function> functions;
};

/// `Conv "layer1.0.conv1"`, for error messages.
std::string describe(const Graph& graph, const Node& node);

/// Producer of each value: index into graph.nodes, or -1.
std::vector<int> producers(const Graph& graph);
/// A subgraph of a node.
struct Body {
  std::string_view attribute;
  const Graph* graph;
  size_t index;          ///< among the node's subgraphs
  size_t first_capture;  ///< what stands for graph->captured[i] is the node's input first_capture + i
};
/// In the order of attributes.
std::vector<Body> bodies_of(const Node& node);
/// How many inputs are the op's own.
size_t num_own_inputs(const Node& node);
/// How often each value is read by nodes and graph outputs.
std::vector<int> use_counts(const Graph& graph);

/// The attribute's value, or null when it is missing. Throws kInvalidArgument when it has another type.
template <typename T>
const T* find_attribute(const Node& node, std::string_view name);

}  // namespace dunlin
