// What an op is: one OpDef in one file of graph/ops/, listed once in ops/catalog.def. Its samples drive the
// parity, gradient and documentation-table tests, so that a new op touches two files.
#pragma once

#include <climits>
#include <functional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/random.h"
#include "dunlin/run_context.h"
#include "dunlin/run_value.h"
#include "graph/ir.h"

namespace dunlin {

/// A node's attributes and place, as shape inference, forward and gradient see them.
class NodeView {
 public:
  NodeView(const Graph& graph, const Node& node) : graph_(&graph), node_(&node) {}

  const Graph& graph() const { return *graph_; }
  const Node& node() const { return *node_; }
  int opset() const { return graph_->opset_of(*node_); }
  int num_inputs() const { return static_cast<int>(node_->inputs.size()); }
  /// Without those that subgraphs capture.
  int num_own_inputs() const { return static_cast<int>(dunlin::num_own_inputs(*node_)); }
  int num_outputs() const { return static_cast<int>(node_->outputs.size()); }
  bool has_input(int i) const {
    return i < num_inputs() && node_->inputs[static_cast<size_t>(i)] != kNoValue;
  }
  bool has_output(int i) const {
    return i < num_outputs() && node_->outputs[static_cast<size_t>(i)] != kNoValue;
  }

  bool has_attr(std::string_view name) const { return node_->attributes.contains(name); }
  int64_t attr_int(std::string_view name, int64_t otherwise) const;
  float attr_float(std::string_view name, float otherwise) const;
  std::string attr_string(std::string_view name, std::string_view otherwise) const;
  std::vector<int64_t> attr_ints(std::string_view name, std::vector<int64_t> otherwise = {}) const;

  /// Throws Error{code, `Op "node": ` + message}.
  template <typename... Args>
  [[noreturn]] void error(fmt::format_string<Args...> text, Args&&... args) const {
    error_text(ErrorCode::kInvalidArgument, fmt::format(text, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> text, Args&&... args) const {
    error_text(ErrorCode::kUnsupported, fmt::format(text, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void exhausted(fmt::format_string<Args...> text, Args&&... args) const {
    error_text(ErrorCode::kResourceExhausted, fmt::format(text, std::forward<Args>(args)...));
  }
  /// The subgraph in the attribute of that name; throws when there is none.
  Body body(std::string_view name) const;
  /// `axis` counted from the front; throws unless -rank <= axis < rank.
  int normalize_axis(int64_t axis, int rank) const;

 private:
  [[noreturn]] void error_text(ErrorCode code, const std::string& message) const;
  const Graph* graph_;
  const Node* node_;
};

/// Input to shape inference: types so far, and the values of inputs that are constant.
class InferArgs : public NodeView {
 public:
  InferArgs(const Graph& graph, const Node& node, std::span<const Type> types,
            std::span<const Tensor* const> constants, int depth = 0)
      : NodeView(graph, node), types_(types), constants_(constants), depth_(depth) {}

  /// How many subgraphs the node is in.
  int depth() const { return depth_; }

  const Type& type(int i) const;
  Format format(int i) const { return type(i).format; }
  /// Throws RankUnknown, which inference catches and answers with outputs of unknown shape.
  const Shape& shape(int i) const;
  bool has_shape(int i) const { return has_input(i) && type(i).shape.has_value(); }
  /// Null unless the input's value is known now.
  const Tensor* constant(int i) const { return has_input(i) ? constants_[static_cast<size_t>(i)] : nullptr; }
  /// An integer list given as attribute `name` in old opsets and as input `i` in new ones. none: neither is
  /// there. Throws ValueUnknown when the input is there but not known now.
  std::optional<std::vector<int64_t>> ints(std::string_view name, int i) const;

 private:
  std::span<const Type> types_;
  std::span<const Tensor* const> constants_;
  int depth_;
};

/// Thrown by InferArgs when something is known only after running; never leaves inference.
struct NotYetKnown {
  Format format = nullptr;
};

/// Elements in logical order whatever the strides: x[i] is the i-th element in row-major order.
template <typename T>
class Elements {
 public:
  Elements(T* data, const Shape& shape, const Strides& strides, bool row_major)
      : data_(data), shape_(&shape), strides_(&strides), row_major_(row_major) {}
  size_t size() const { return static_cast<size_t>(shape_->num_elements()); }
  T& operator[](size_t i) const { return data_[row_major_ ? static_cast<int64_t>(i) : offset(i)]; }
  /// First element; neighbours are `strides()` apart.
  T* data() const { return data_; }
  const Shape& shape() const { return *shape_; }
  const Strides& strides() const { return *strides_; }
  /// The element at an index of as many numbers as the rank.
  T& at(std::initializer_list<int64_t> index) const {
    int64_t o = 0;
    size_t d = 0;
    for (int64_t i : index) o += i * (*strides_)[d++];
    return data_[o];
  }

 private:
  int64_t offset(size_t i) const {
    int64_t o = 0;
    for (int d = shape_->rank() - 1; d >= 0; --d) {
      const size_t n = static_cast<size_t>((*shape_)[d]);
      o += static_cast<int64_t>(i % n) * (*strides_)[static_cast<size_t>(d)];
      i /= n;
    }
    return o;
  }
  T* data_;
  const Shape* shape_;
  const Strides* strides_;
  bool row_major_;
};

/// One execution of a node by its scalar reference. Inputs and outputs may have any strides.
class OpCall : public NodeView {
 public:
  OpCall(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs,
         std::span<Tensor> outputs, const RunContext& context)
      : NodeView(graph, node), inputs_(inputs), outputs_(outputs), context_(&context) {}

  const Tensor& input(int i) const;
  Tensor& output(int i) const;
  template <typename T>
  Elements<const T> in(int i) const {
    const Tensor& t = input(i);
    return {t.data<T>(), t.shape(), t.strides(), t.is_row_major()};
  }
  template <typename T>
  Elements<T> out(int i) const {
    Tensor& t = output(i);
    return {t.data<T>(), t.shape(), t.strides(), t.is_row_major()};
  }
  /// As InferArgs::ints, with every input known.
  std::optional<std::vector<int64_t>> ints(std::string_view name, int i) const;
  /// For outputs whose size is known only now.
  void allocate(int i, Format format, Shape shape) const;
  /// An output of strings.
  void give_strings(int i, Shape shape, std::vector<std::string> values) const;
  const RunContext& context() const { return *context_; }
  /// A random stream that depends on the run's seed and on this node only, so that recomputation repeats it.
  Philox random() const;

 private:
  std::span<const Tensor* const> inputs_;
  std::span<Tensor> outputs_;
  const RunContext* context_;
};

/// Runs a subgraph of a node on values for its inputs, then for what it captures. The results own their bytes.
using BodyRunner =
    std::function<std::vector<RunValue>(const Body&, std::vector<RunValue>, const RunContext&)>;

/// One execution of a node that runs subgraphs, or whose inputs or outputs need not be tensors.
class ValueCall : public NodeView {
 public:
  ValueCall(const Graph& graph, const Node& node, std::span<const RunValue* const> inputs,
            std::span<RunValue> outputs, const RunContext& context, const BodyRunner& bodies)
      : NodeView(graph, node), inputs_(inputs), outputs_(outputs), context_(&context), bodies_(&bodies) {}

  /// Throws when it was left out.
  const RunValue& value(int i) const;
  /// Throws when it is no tensor.
  const Tensor& tensor(int i) const;
  /// Throws when it is no sequence.
  const RunValue::Elements& elements(int i) const;
  /// `value` owns its bytes. Ignored when the node has no such output.
  void give(int i, RunValue value) const;
  /// A tensor that counts against the run's memory.
  Tensor allocate(Format format, Shape shape) const;
  /// Throws when `bytes` are more than this run has left.
  void check_bytes(uint64_t bytes, std::string_view what) const;

  /// The results of one run of a subgraph; `held` bytes are in use beside it.
  std::vector<RunValue> run_body(const Body& body, std::vector<RunValue> inputs, uint64_t held = 0) const;
  /// Throws when the run's loops took too many.
  void count_iteration() const;
  /// The types of the outputs as inference sees them, now that all inputs are known.
  std::vector<Type> output_types() const;

 private:
  std::span<const RunValue* const> inputs_;
  std::span<RunValue> outputs_;
  const RunContext* context_;
  const BodyRunner* bodies_;
};

/// Integers of a tensor of i32 or i64 (or whatever integer type).
std::vector<int64_t> to_ints(const Tensor& tensor);
/// The one element of a tensor, as a double.
double to_scalar(const Tensor& tensor);

class Grad;

/// Inputs that exercise an op, in words that the tests parse.
///   attributes: "kernel_shape=[3,3] pads=[1,1,1,1] mode='same' alpha=0.5 names=['a','b']"
///   inputs:     "f32[2,3] f32[3]@0..1 i64{1,2} _"
/// Inputs are random in [-1,1) unless a range is given; {..} gives the values, whose shape is [n] unless one
/// stands before the brace, as in i64[1,2]{3,4}; _ is left out.
struct Sample {
  std::string_view attributes;
  std::string_view inputs;
  int opset = kNewestOpset;
  int outputs = 1;
};

/// What an op makes of tensors of strings.
enum class Strings : uint8_t {
  kNone,   ///< nothing: such a node is refused by name
  kTaken,  ///< `forward` or `run` reads or makes them
  kNumbered  ///< `forward` only moves or compares elements: it gets integers in the strings' place, in their order
};

/// The most inputs or outputs of an op that takes or gives any number of them.
inline constexpr int kVariadic = INT_MAX;

/// OpDef's bits for all inputs, of whatever number.
inline constexpr uint32_t kAllInputs = UINT32_MAX;

/// How many inputs or outputs a node may have; where that changed with the opset, the widest that a definition
/// serves.
struct Arity {
  constexpr Arity(int count) : least(count), most(count) {}
  constexpr Arity(int least_count, int most_count) : least(least_count), most(most_count) {}
  int least, most;
};

struct OpDef {
  std::string_view name;
  std::string_view domain = "";
  int since = 1;            ///< first opset that this definition serves
  std::string_view source;  ///< where its meaning is defined
  Arity inputs;             ///< without those that subgraphs capture
  /// Bit i: input i may be left out (an empty name) although it is one of the least, or one of any number.
  uint32_t optional_inputs = 0;
  constexpr bool needs_input(int i) const {
    return (i < inputs.least || inputs.most == kVariadic) && (i > 31 || !((optional_inputs >> i) & 1));
  }
  Arity outputs = 1;
  /// Types of all outputs. Unknown dimensions are allowed in and out.
  std::vector<Type> (*infer)(const InferArgs&) = nullptr;
  /// The scalar reference; every fast kernel must match it.
  void (*forward)(const OpCall&) = nullptr;
  /// The same for ops that run subgraphs or work on sequences and optionals: instead of `forward`, or beside it
  /// where tensors are all that most nodes of the op see.
  void (*run)(const ValueCall&) = nullptr;
  /// Emits the gradient as nodes. Null: there is none, and training through the op is refused by name.
  void (*gradient)(Grad&) = nullptr;
  /// Bit i: of input i only the shape is read, so its bytes need not live. Bit 31 speaks for all inputs from 31 on.
  uint32_t shape_only_inputs = 0;
  constexpr bool reads_only_shape(size_t i) const { return (shape_only_inputs >> (i < 31 ? i : 31)) & 1; }
  /// The outputs do not depend differentiably on any input (Shape, ArgMax, comparisons).
  bool stops_gradient = false;
  bool random = false;  ///< draws from OpCall::random(): never folded
  Strings strings = Strings::kNone;
  /// Bit i: input i may hold FLOAT8, FLOAT4 or INT4 elements, because `forward` only moves or converts them. Bit 31
  /// speaks for all inputs from 31 on.
  uint32_t narrow_inputs = 0;
  constexpr bool takes_narrow(size_t i) const { return (narrow_inputs >> (i < 31 ? i : 31)) & 1; }
  bool costly = false;  ///< takes far more work than its bytes tell: never folded
  float rtol = 1e-5f, atol = 1e-6f;
  std::span<const Sample> samples = {};
  /// The definition for opsets below `since`, when their meaning differs.
  const OpDef* older = nullptr;
};

/// Every op, newest definition of each, in catalog order.
std::span<const OpDef* const> all_ops();
/// The definition that serves the node. Throws kUnsupported naming node, opset and what is supported.
const OpDef& op_of(const Graph& graph, const Node& node);
/// Null when there is none.
const OpDef* find_op(std::string_view domain, std::string_view name, int opset);

/// Output types of one node from input types and known input values (null: not known). Checks that the node has as
/// many inputs and outputs as the op takes and gives, and that no input is left out that the op needs.
/// `depth`: of the subgraphs that the node is in.
std::vector<Type> infer_node(const Graph& graph, const Node& node, std::span<const Type> types,
                             std::span<const Tensor* const> constants, int depth = 0);
/// Subgraphs in subgraphs, functions of the model included.
inline constexpr int kMaxBodyDepth = 64;

/// Whether the node goes by OpDef::run, given whether all of its inputs and outputs are tensors.
inline bool runs_values(const OpDef& op, bool all_tensors) { return op.run && (!op.forward || !all_tensors); }

/// Runs one node by its scalar reference; outputs are row major. Absent inputs are null.
std::vector<Tensor> run_reference(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs,
                                  const RunContext& context = {});

/// Runs one node by OpDef::run; absent inputs are null.
std::vector<RunValue> run_values(const Graph& graph, const Node& node,
                                 std::span<const RunValue* const> inputs, const RunContext& context,
                                 const BodyRunner& bodies);

/// Calls f.template operator()<T>() for the C++ type of a plain format; throws kUnsupported for others.
template <typename F>
decltype(auto) for_format(Format format, F&& f);
/// The same for floating-point formats only.
template <typename F>
decltype(auto) for_float_format(Format format, F&& f);

}  // namespace dunlin

#include "graph/op_dispatch.h"
