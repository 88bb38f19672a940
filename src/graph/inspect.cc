#include "graph/inspect.h"

#include <algorithm>

#include "graph/exporter_parameters.h"
#include "graph/infer.h"
#include "graph/macs.h"
#include "graph/op.h"
#include "graph/passes/fake_quantize.h"
#include "graph/passes/inline_functions.h"
#include "graph/passes/untie_initializers.h"
#include "graph/weights.h"

namespace dunlin {

namespace {

Inspection::Port port(const Graph& g, ValueId v, const Type& type) {
  Inspection::Port p{
      .name = g.value_name(v), .format = type.format ? std::string(type.format->name) : "?", .shape = {}};
  if (type.kind == Type::Kind::kSequence) p.format = "sequence(" + p.format + ")";
  if (type.optional) p.format = "optional(" + p.format + ")";
  p.rank_known = type.shape.has_value();
  if (type.shape)
    for (int64_t d : *type.shape)
      p.shape.push_back(d >= 0             ? std::to_string(d)
                        : d == kUnknownDim ? "?"
                        : static_cast<size_t>(-2 - d) < g.symbols.size()
                            ? g.symbols[static_cast<size_t>(-2 - d)]
                            : "?");
  return p;
}

/// What is inferred is known better; names of open dimensions are kept from the file.
Type merged(const Type& declared, Type inferred) {
  if (!inferred.shape) return declared;
  if (declared.shape && declared.shape->rank() == inferred.shape->rank())
    for (int i = 0; i < inferred.shape->rank(); ++i)
      if ((*inferred.shape)[i] == kUnknownDim && (*declared.shape)[i] < 0)
        (*inferred.shape)[i] = (*declared.shape)[i];
  return inferred;
}

void count_weight(const Tensor& tensor, Inspection& out) {
  out.bytes_by_format[std::string(tensor.format()->name)] += tensor.num_bytes();
  out.weight_bytes += tensor.num_bytes();
  if (tensor.format()->kind == FormatDef::Kind::kFloat)
    out.parameters += static_cast<uint64_t>(tensor.num_elements());
}

void count(const Graph& g, Inspection& out) {
  for (const Node& node : g.nodes) {
    ++out.nodes;
    ++out.ops[op_name(node)];
    for (const auto& [name, a] : node.attributes)
      if (const GraphPtr* sub = std::get_if<GraphPtr>(&a))
        count(**sub, out);
      else if (const TensorPtr* value = std::get_if<TensorPtr>(&a); value && node.op == "Constant")
        count_weight(**value, out);
  }
  for (const auto& [v, tensor] : g.initializers) count_weight(*tensor, out);
}

/// none: a shape is missing.
std::optional<uint64_t> macs_of(const Graph& g, const Node& node) {
  const auto shape = [&](const std::vector<ValueId>& values, size_t i) -> const Shape* {
    if (i >= values.size() || values[i] == kNoValue) return nullptr;
    const Type& t = g.type(values[i]);
    return t.shape && t.shape->known() ? &*t.shape : nullptr;
  };
  constexpr std::string_view kCounted[] = {"Attention", "Conv", "ConvTranspose", "GRU",
                                           "Gemm",      "LSTM", "MatMul",        "RNN"};
  if (!node.domain.empty() || std::ranges::find(kCounted, node.op) == std::end(kCounted)) return 0;
  size_t made = 0;  // the first output that is not left out
  while (made + 1 < node.outputs.size() && node.outputs[made] == kNoValue) ++made;
  std::vector<const Shape*> in;
  for (size_t i = 0; i < std::max<size_t>(node.inputs.size(), 2); ++i) in.push_back(shape(node.inputs, i));
  const Shape* const y = shape(node.outputs, made);
  if (!in[0] || !in[1] || !y) return std::nullopt;
  return dunlin::macs_of(node, in, *y);
}

/// Throws when a shape is given to what is no input, or one that the input does not allow.
void check_shapes(const Graph& g, const std::map<std::string, Shape, std::less<>>& given) {
  for (const auto& [name, shape] : given) {
    const auto it =
        std::ranges::find(g.inputs, std::string_view(name), [&](ValueId v) { return g.value_name(v); });
    if (it == g.inputs.end()) fail(ErrorCode::kInvalidArgument, "the model has no input \"{}\"", name);
    const std::optional<Shape>& declared = g.type(*it).shape;
    bool fits = !declared || declared->rank() == shape.rank();
    for (int d = 0; fits && declared && d < shape.rank(); ++d)
      fits = (*declared)[d] < 0 || (*declared)[d] == shape[d];
    if (!fits)
      fail(ErrorCode::kInvalidArgument, "input \"{}\" is {}, it cannot be {}", name, to_string(g.type(*it)),
           to_string(shape));
  }
}

void count_macs(const Graph& graph, const std::map<std::string, Shape, std::less<>>& given, Inspection& out) {
  InferOptions options;
  bool open = false;
  for (ValueId v : graph.inputs) {
    if (!graph.type(v).is_tensor()) {
      out.macs_why_not = fmt::format("input \"{}\" is {}, whose elements only a run knows",
                                     graph.value_name(v), to_string(graph.type(v)));
      return;
    }
    const auto it = given.find(graph.value_name(v));
    if (it == given.end() && !graph.type(v).shape) {
      out.macs_why_not = fmt::format("the rank of input \"{}\" is not known", graph.value_name(v));
      return;
    }
    Shape shape = it != given.end() ? it->second : *graph.type(v).shape;
    for (int i = 0; i < shape.rank(); ++i)
      if (shape[i] < 0) {
        shape[i] = 1;
        open = true;
      }
    options.input_shapes.emplace(graph.value_name(v), std::move(shape));
  }
  try {
    const Graph g = infer_and_fold(graph, options);
    uint64_t sum = 0;
    for (const Node& node : g.nodes) {
      if (!bodies_of(node).empty()) {
        out.macs_why_not =
            fmt::format("{}: what its subgraphs take is known only after running", describe(g, node));
        return;
      }
      const std::optional<uint64_t> macs = macs_of(g, node);
      if (!macs) {
        out.macs_why_not = fmt::format("{}: its shapes are known only after running", describe(g, node));
        return;
      }
      sum = *macs > UINT64_MAX - sum ? UINT64_MAX : sum + *macs;
    }
    out.macs = sum;
    out.macs_shapes = std::move(options.input_shapes);
  } catch (const Error& e) {
    out.macs_why_not =
        open ? fmt::format("with open sizes as 1, {}; --shape NAME=1x2x3 says others", e.what()) : e.what();
  }
}

/// Folded but for what weights take part in; `folded` where inference needs to know their numbers.
Graph with_weights(const Graph& g, const std::vector<ValueId>& weights, const Graph& folded) {
  InferOptions options;
  options.variable.insert(weights.begin(), weights.end());
  for (const auto& [v, tensor] : g.initializers)
    if (tensor->format()->kind == FormatDef::Kind::kFloat && tensor->num_elements() > 1)
      options.variable.insert(v);
  try {
    return infer_and_fold(g, options);
  } catch (const Error&) {
    return folded;
  }
}

uint64_t float_elements(const Graph& g) {
  uint64_t sum = 0;
  for (const auto& [v, tensor] : g.initializers)
    if (tensor->format()->kind == FormatDef::Kind::kFloat)
      sum += static_cast<uint64_t>(tensor->num_elements());
  return sum;
}

}  // namespace

Inspection inspect(const Model& model, const std::map<std::string, Shape, std::less<>>& input_shapes) {
  Inspection out;
  const Graph g = inline_functions(model);
  check_shapes(g, input_shapes);
  Model held = model;
  ExporterConstants constants = hold_constants(held);
  Graph trained = inline_functions(held);  // as training sees it
  const uint64_t tied_elements = float_elements(trained);
  untie_initializers(trained);
  out.parameters = float_elements(trained) - tied_elements;
  out.constants = std::move(constants.names);
  out.constant_elements = constants.elements;
  out.batch_norm_folded = constants.batch_norm_folded;
  const std::vector<ValueId> weights = find_weights(trained);
  out.ir_version = model.ir_version;
  out.opsets = model.graph.opsets;
  out.producer = model.producer_name;
  if (!model.producer_version.empty()) out.producer += " " + model.producer_version;
  out.metadata = model.metadata;
  for (const Function& f : model.functions) out.functions.push_back(f.domain + "." + f.name);
  out.unsupported = unsupported_parts(g);
  Graph with_types = trained;  // as far as they are known
  std::vector<Type> output_types;
  for (ValueId v : g.outputs) output_types.push_back(g.type(v));
  if (out.unsupported.empty()) {
    try {
      const Graph inferred = infer_and_fold(trained);
      with_types = recognize_fake_quantize(with_weights(trained, weights, inferred));
      for (size_t i = 0; i < g.outputs.size(); ++i)
        output_types[i] = merged(g.type(g.outputs[i]), inferred.type(g.outputs[i]));
    } catch (const Error& e) {
      out.unsupported.push_back({"", "", e.what()});
    }
  }
  for (ValueId v : g.inputs) {
    out.inputs.push_back(port(g, v, g.type(v)));
    if (!g.type(v).shape) continue;
    for (int64_t d : *g.type(v).shape)
      if (d <= -2 && static_cast<size_t>(-2 - d) < g.symbols.size())
        if (const std::string& name = g.symbols[static_cast<size_t>(-2 - d)];
            std::ranges::find(out.symbols, name) == out.symbols.end())
          out.symbols.push_back(name);
  }
  for (size_t i = 0; i < g.outputs.size(); ++i) out.outputs.push_back(port(g, g.outputs[i], output_types[i]));
  count(g, out);
  if (out.unsupported.empty())
    count_macs(g, input_shapes, out);
  else
    out.macs_why_not = "the model cannot run";
  judge_training(with_types, weights, out);
  return out;
}

}  // namespace dunlin
