#include "graph/op.h"

#include <algorithm>
#include <new>

#include "graph/forward.h"
#include "graph/narrow.h"
#include "graph/node_error.h"
#include "graph/random_stream.h"
#include "graph/strings.h"
#include "graph/to_integer.h"

namespace dunlin {

namespace ops {
#define OP(name) extern const OpDef k##name;
#include "graph/ops/catalog.def"
#undef OP
}  // namespace ops

namespace {
constexpr const OpDef* kAll[] = {
#define OP(name) &ops::k##name,
#include "graph/ops/catalog.def"
#undef OP
};
}  // namespace

std::span<const OpDef* const> all_ops() { return kAll; }

const OpDef* find_op(std::string_view domain, std::string_view name, int opset) {
  static const auto index = [] {
    std::map<std::pair<std::string_view, std::string_view>, const OpDef*> map;
    for (const OpDef* op : kAll) map[{op->domain, op->name}] = op;
    return map;
  }();
  if (domain == "ai.onnx") domain = "";
  const auto it = index.find({domain, name});
  const OpDef* op = it == index.end() ? nullptr : it->second;
  while (op != nullptr && op->since > opset) op = op->older;
  return op;
}

namespace {
/// Ops that stay out, and what to do instead.
struct Refused {
  std::string_view domain, name, advice;
};
constexpr std::string_view kMl = "ai.onnx.ml",
                           kNoMaps =
                               "its input is a map, and values here are tensors; make the tensor before, and "
                               "give the model that";
constexpr Refused kRefused[] = {
    {"", "ImageDecoder",
     "image files are not decoded inside a model; decode them before, and give the model the pixels"},
    {"", "RegexFullMatch",
     "a pattern can take time without bound; match the strings before, and give the model the outcome"},
    {kMl, "ZipMap",
     "its output is a list of maps, and values here are tensors; convert the model with zipmap=False "
     "(skl2onnx: "
     "options={'zipmap': False}), and the probabilities are one tensor"},
    {kMl, "DictVectorizer", kNoMaps},
    {kMl, "CastMap", kNoMaps},
};
}  // namespace

const OpDef& op_of(const Graph& graph, const Node& node) {
  const int opset = graph.opset_of(node);
  for (const Refused& r : kRefused)
    if (node.op == r.name && node.domain == r.domain)
      fail_at(graph, node, ErrorCode::kUnsupported, "the op {} is not supported: {}", node.op, r.advice);
  if (const OpDef* op = find_op(node.domain, node.op, opset)) return *op;
  if (const OpDef* newest = find_op(node.domain, node.op, INT32_MAX)) {
    const OpDef* oldest = newest;
    while (oldest->older) oldest = oldest->older;
    fail_at(graph, node, ErrorCode::kUnsupported, "opset {} is not supported, {} is known from opset {} on",
            opset, node.op, oldest->since);
  }
  fail_at(graph, node, ErrorCode::kUnsupported,
          "the op {} (domain \"{}\", opset {}) is not supported; `dunlin inspect --ops` lists those that are",
          node.op, node.domain.empty() ? "ai.onnx" : node.domain, opset);
}

int64_t NodeView::attr_int(std::string_view name, int64_t otherwise) const {
  const int64_t* v = find_attribute<int64_t>(*node_, name);
  return v ? *v : otherwise;
}
float NodeView::attr_float(std::string_view name, float otherwise) const {
  const float* v = find_attribute<float>(*node_, name);
  return v ? *v : otherwise;
}
std::string NodeView::attr_string(std::string_view name, std::string_view otherwise) const {
  const std::string* v = find_attribute<std::string>(*node_, name);
  return v ? *v : std::string(otherwise);
}
std::vector<int64_t> NodeView::attr_ints(std::string_view name, std::vector<int64_t> otherwise) const {
  const std::vector<int64_t>* v = find_attribute<std::vector<int64_t>>(*node_, name);
  return v ? *v : otherwise;
}

void NodeView::error_text(ErrorCode code, const std::string& message) const {
  fail_at(*graph_, *node_, code, "{}", message);
}

Body NodeView::body(std::string_view name) const {
  for (const Body& b : bodies_of(*node_))
    if (b.attribute == name) return b;
  error("the subgraph {} is missing", name);
}

int NodeView::normalize_axis(int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) error("axis {} is outside [{}, {})", axis, -rank, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

const Type& InferArgs::type(int i) const {
  if (!has_input(i)) error("input {} is missing", i);
  return types_[static_cast<size_t>(i)];
}

const Shape& InferArgs::shape(int i) const {
  const Type& t = type(i);
  if (!t.shape) throw NotYetKnown{};
  return *t.shape;
}

std::optional<std::vector<int64_t>> InferArgs::ints(std::string_view name, int i) const {
  if (const auto* list = find_attribute<std::vector<int64_t>>(node(), name)) return *list;
  if (!has_input(i)) return std::nullopt;
  if (!constant(i)) throw NotYetKnown{};
  return to_ints(*constant(i));
}

const Tensor& OpCall::input(int i) const {
  if (!has_input(i) || inputs_[static_cast<size_t>(i)] == nullptr) error("input {} is missing", i);
  return *inputs_[static_cast<size_t>(i)];
}

Tensor& OpCall::output(int i) const {
  DUNLIN_CHECK(i < static_cast<int>(outputs_.size()));
  return outputs_[static_cast<size_t>(i)];
}

std::optional<std::vector<int64_t>> OpCall::ints(std::string_view name, int i) const {
  if (const auto* list = find_attribute<std::vector<int64_t>>(node(), name)) return *list;
  if (!has_input(i)) return std::nullopt;
  return to_ints(input(i));
}

namespace {
void check_output_bytes(const Graph& graph, const Node& node, Format format, const Shape& shape,
                        const RunContext& context) {
  if (format == &formats::kString)
    fail_at(graph, node, ErrorCode::kUnsupported, "{} of strings is not supported", node.op);
  if (!is_plain(format)) return;
  const uint64_t bytes =
      static_cast<uint64_t>(shape.num_elements()) * static_cast<uint64_t>(element_bytes(format));
  if (bytes > context.max_bytes)
    fail_at(graph, node, ErrorCode::kResourceExhausted,
            "its output {}{} takes {} bytes, {} are left for this run", format->name, to_string(shape), bytes,
            context.max_bytes);
}
}  // namespace

void OpCall::allocate(int i, Format format, Shape shape) const {
  check_output_bytes(graph(), node(), format, shape, *context_);
  output(i) = Tensor(format, std::move(shape));
}

void OpCall::give_strings(int i, Shape shape, std::vector<std::string> values) const {
  Tensor t = Tensor::of_strings(std::move(shape), std::move(values));
  if (t.num_bytes() > context_->max_bytes)
    exhausted("its output {} of strings takes {} bytes, {} are left for this run", to_string(t.shape()),
              t.num_bytes(), context_->max_bytes);
  output(i) = std::move(t);
}

const RunValue& ValueCall::value(int i) const {
  if (!has_input(i) || inputs_[static_cast<size_t>(i)] == nullptr) error("input {} is missing", i);
  return *inputs_[static_cast<size_t>(i)];
}

const Tensor& ValueCall::tensor(int i) const {
  if (!value(i).is_tensor())
    error("input {} is {}, a tensor is expected", i, value(i).is_sequence() ? "a sequence" : "nothing");
  return value(i).tensor();
}

const RunValue::Elements& ValueCall::elements(int i) const {
  if (!value(i).is_sequence())
    error("input {} is {}, a sequence is expected", i, value(i).is_tensor() ? "a tensor" : "nothing");
  return value(i).elements();
}

void ValueCall::give(int i, RunValue value) const {
  if (has_output(i)) outputs_[static_cast<size_t>(i)] = std::move(value);
}

Tensor ValueCall::allocate(Format format, Shape shape) const {
  check_output_bytes(graph(), node(), format, shape, *context_);
  return Tensor(format, std::move(shape));
}

void ValueCall::check_bytes(uint64_t bytes, std::string_view what) const {
  if (bytes > context_->max_bytes)
    exhausted("{} take {} bytes, {} are left for this run", what, bytes, context_->max_bytes);
}

std::vector<RunValue> ValueCall::run_body(const Body& body, std::vector<RunValue> inputs,
                                          uint64_t held) const {
  check_bytes(held, "the values that it holds on to");
  RunContext inner = *context_;
  inner.max_bytes -= held;
  // Every iteration of every loop draws numbers of its own.
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  inner.seed += kOdd * (inner.max_iterations - *inner.iterations_left);
  for (size_t i = 0; i < body.graph->captured.size(); ++i) {
    const RunValue* v = inputs_[body.first_capture + i];
    inputs.push_back(v ? v->view() : RunValue());
  }
  return (*bodies_)(body, std::move(inputs), inner);
}

void ValueCall::count_iteration() const {
  if (*context_->iterations_left == 0)
    exhausted("the loops of this run took the {} iterations that they may", context_->max_iterations);
  --*context_->iterations_left;
}

namespace {
Type type_of(const RunValue* v) {
  if (!v) return {};
  if (v->is_tensor()) return {.format = v->format(), .shape = v->tensor().shape()};
  return {.kind = v->is_sequence() ? Type::Kind::kSequence : Type::Kind::kTensor,
          .format = v->format(),
          .shape = {},
          .optional = v->is_nothing()};
}
}  // namespace

std::vector<Type> ValueCall::output_types() const {
  std::vector<Type> types;
  std::vector<const Tensor*> constants;
  for (const RunValue* v : inputs_) {
    types.push_back(type_of(v));
    constants.push_back(v && v->is_tensor() ? &v->tensor() : nullptr);
  }
  return infer_node(graph(), node(), types, constants);
}

Philox OpCall::random() const { return Philox(context_->seed, random_stream(graph(), node())); }

std::vector<int64_t> to_ints(const Tensor& tensor) {
  std::vector<int64_t> out(static_cast<size_t>(tensor.num_elements()));
  for_format(tensor.format(), [&]<typename T>() {
    const Elements<const T> in{tensor.data<T>(), tensor.shape(), tensor.strides(), tensor.is_row_major()};
    for (size_t i = 0; i < out.size(); ++i) out[i] = to_integer<int64_t>(static_cast<ComputeType<T>>(in[i]));
  });
  return out;
}

double to_scalar(const Tensor& tensor) {
  if (tensor.num_elements() != 1)
    fail(ErrorCode::kInvalidArgument, "a scalar is expected, got {}", to_string(tensor.shape()));
  return for_format(tensor.format(), [&]<typename T>() {
    return static_cast<double>(static_cast<ComputeType<T>>(*tensor.data<T>()));
  });
}

namespace {
/// Arithmetic on sizes that a file gives may end anywhere; nothing after inference expects that.
void check_output(const Graph& graph, const Node& node, const Shape& shape) {
  Shape known;
  for (int64_t d : shape) {
    if (d >= 0) known.push_back(d);
    if (d < kUnknownDim && static_cast<uint64_t>(-2 - d) >= graph.symbols.size())
      fail_at(graph, node, ErrorCode::kInvalidArgument, "gives an output with a size of {}", d);
  }
  try {
    known.num_elements();
  } catch (const Error& e) {
    fail_at(graph, node, e.code(), "output: {}", e.what());
  }
}

std::string to_string(Arity n) {
  if (n.most == kVariadic) return fmt::format("{} or more", n.least);
  return n.least == n.most ? std::to_string(n.most) : fmt::format("{} to {}", n.least, n.most);
}

void check_arity(const NodeView& a, const OpDef& op) {
  const auto check = [&](int count, Arity expected, std::string_view what, std::string_view verb) {
    if (count < expected.least || count > expected.most)
      a.error("has {} {}{}, {} {} {}", count, what, count == 1 ? "" : "s", op.name, verb,
              to_string(expected));
  };
  const int inputs = a.num_own_inputs();
  check(inputs, op.inputs, "input", "takes");
  check(a.num_outputs(), op.outputs, "output", "gives");
  for (int i = 0; i < inputs; ++i)
    if (op.needs_input(i) && !a.has_input(i)) a.error("input {} is missing", i);
}

void check_kinds(const Graph& graph, const Node& node, const OpDef& op, std::span<const Type> types) {
  if (op.run) return;
  for (size_t i = 0; i < types.size(); ++i)
    if (!types[i].is_tensor())
      fail_at(graph, node, ErrorCode::kInvalidArgument, "input {} is {}, a tensor is expected", i,
              to_string(types[i]));
  for (const Body& b : bodies_of(node))
    fail_at(graph, node, ErrorCode::kInvalidArgument, "attribute {} is a graph; {} runs none", b.attribute,
            node.op);
}
/// `types` of its inputs, or of its outputs.
void check_strings(const Graph& graph, const Node& node, const OpDef& op, std::span<const Type> types,
                   std::string_view what) {
  for (size_t i = 0; op.strings == Strings::kNone && i < types.size(); ++i)
    if (types[i].format == &formats::kString)
      fail_at(graph, node, ErrorCode::kUnsupported, "{} {} holds strings; {} of strings is not supported",
              what, i, node.op);
}
}  // namespace

std::vector<Type> infer_node(const Graph& graph, const Node& node, std::span<const Type> types,
                             std::span<const Tensor* const> constants, int depth) {
  const OpDef& op = op_of(graph, node);
  check_arity(NodeView(graph, node), op);
  check_kinds(graph, node, op, types);
  check_strings(graph, node, op, types, "input");
  if (depth > kMaxBodyDepth)
    fail_at(graph, node, ErrorCode::kResourceExhausted, "subgraphs are nested deeper than {}", kMaxBodyDepth);
  check_narrow(graph, node, op, types);
  std::vector<Type> out;
  try {
    naming(graph, node, [&] { out = op.infer(InferArgs(graph, node, types, constants, depth)); });
  } catch (const NotYetKnown&) {
    // Rank unknown: at least the element type of the first input is the best guess for most ops, but a guess
    // is worse than none, so only the count is kept.
    out.assign(node.outputs.size(), {});
  }
  if (node.outputs.size() > out.size())
    fail_at(graph, node, ErrorCode::kInvalidArgument, "has {} outputs, {} gives {}", node.outputs.size(),
            node.op, out.size());
  check_strings(graph, node, op, out, "output");
  for (const Type& t : out)
    if (t.shape) check_output(graph, node, *t.shape);
  return out;
}

namespace {
std::vector<Tensor> run_numbered(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs,
                                 std::span<const Type> out_types, const RunContext& context) {
  const StringNumbers table(inputs);
  std::vector<Tensor> numbers(inputs.size());
  std::vector<const Tensor*> numbered(inputs.begin(), inputs.end());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!holds_strings(inputs[i])) continue;
    numbers[i] = table.numbers(*inputs[i]);
    numbered[i] = &numbers[i];
  }
  std::vector<Tensor> outputs = run_reference(graph, node, numbered, context);
  naming(graph, node, [&] {
    for (size_t i = 0; i < outputs.size(); ++i)
      if (out_types[i].format == &formats::kString && outputs[i])
        outputs[i] = table.strings(outputs[i], context.max_bytes);
  });
  return outputs;
}
}  // namespace

std::vector<Tensor> run_reference(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs,
                                  const RunContext& context) {
  std::vector<Type> types;
  for (const Tensor* t : inputs)
    types.push_back(t ? Type{.format = t->format(), .shape = t->shape()} : Type{});
  const std::vector<Type> out_types = infer_node(graph, node, types, inputs);
  if (op_of(graph, node).strings == Strings::kNumbered &&
      std::any_of(inputs.begin(), inputs.end(), holds_strings))
    return run_numbered(graph, node, inputs, out_types, context);
  std::vector<Tensor> outputs(out_types.size());
  for (size_t i = 0; i < outputs.size(); ++i)
    if (out_types[i].format && out_types[i].format != &formats::kString && out_types[i].shape &&
        out_types[i].shape->known()) {
      check_output_bytes(graph, node, out_types[i].format, *out_types[i].shape, context);
      outputs[i] = Tensor(out_types[i].format, *out_types[i].shape);
    }
  run_forward(graph, node, inputs, outputs, context);
  return outputs;
}

void run_forward(const Graph& graph, const Node& node, std::span<const Tensor* const> inputs,
                 std::span<Tensor> outputs, const RunContext& context) {
  const auto empty = [](const Tensor& t) { return t && t.num_elements() == 0; };
  if (!outputs.empty() && std::all_of(outputs.begin(), outputs.end(), empty)) return;
  try {
    naming(graph, node, [&] { op_of(graph, node).forward(OpCall(graph, node, inputs, outputs, context)); });
  } catch (const std::bad_alloc&) {
    fail_at(graph, node, ErrorCode::kResourceExhausted,
            "there is not enough memory for what it needs beside its outputs");
  }
}

std::vector<RunValue> run_values(const Graph& graph, const Node& node,
                                 std::span<const RunValue* const> inputs, const RunContext& context,
                                 const BodyRunner& bodies) {
  const OpDef& op = op_of(graph, node);
  check_arity(NodeView(graph, node), op);
  std::vector<RunValue> outputs(node.outputs.size());
  RunContext counted = context;
  uint64_t iterations = context.max_iterations;
  if (!counted.iterations_left) counted.iterations_left = &iterations;
  op.run(ValueCall(graph, node, inputs, outputs, counted, bodies));
  return outputs;
}

}  // namespace dunlin
