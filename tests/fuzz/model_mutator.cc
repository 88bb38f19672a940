#include "model_mutator.h"

#include <algorithm>
#include <array>

#include "graph/onnx/graph_writer.h"
#include "graph/sample.h"

namespace dunlin::fuzz {

namespace {

using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;
using onnx::TypeProto;

/// A node as an op's sample has it.
struct SampleNode {
  NodeProto node;
  int opset;
};

const std::vector<SampleNode>& sample_nodes() {
  static const std::vector<SampleNode> all = [] {
    std::vector<SampleNode> out;
    for (const OpDef* newest : all_ops())
      for (const OpDef* op = newest; op != nullptr; op = op->older)
        for (const Sample& sample : op->samples) {
          if (op->domain == kDunlinDomain) continue;
          GraphProto proto;
          onnx::write_graph(make_sample(*op, sample, 1).graph, {}, proto);
          if (proto.node_size() == 1) out.push_back({proto.node(0), sample.opset});
        }
    return out;
  }();
  return all;
}

constexpr int kElementTypes[] = {1, 1, 1, 7, 7, 6, 9, 2, 3, 10, 11, 16, 4, 5, 12, 13, 8, 17, 21, 22, 0};

int element_bytes_of(int type) {
  switch (type) {
    case 2:
    case 3:
    case 9:
      return 1;
    case 4:
    case 5:
    case 10:
    case 16:
      return 2;
    case 7:
    case 11:
    case 13:
      return 8;
    default:
      return 4;
  }
}

template <typename Field>
void remove_at(Field& field, size_t i) {
  field.DeleteSubrange(static_cast<int>(i), 1);
}

std::vector<GraphProto*> graphs_of(ModelProto& model) {
  std::vector<GraphProto*> all{model.mutable_graph()};
  for (size_t g = 0; g < all.size() && all.size() < 64; ++g)
    for (NodeProto& node : *all[g]->mutable_node())
      for (AttributeProto& a : *node.mutable_attribute())
        if (a.has_g()) all.push_back(a.mutable_g());
  return all;
}

}  // namespace

int64_t ModelMutator::number() {
  constexpr std::array<int64_t, 12> kEdges = {
      0,         -1,        INT64_MAX,       INT64_MIN, INT32_MAX,    INT32_MIN,
      1LL << 62, 1LL << 48, (1LL << 31) + 1, 65536,     -(1LL << 40), 4096};
  const size_t kind = below(8);
  if (kind == 0) return kEdges[below(kEdges.size())];
  if (kind == 1) return int64_t{1} << below(63);
  if (kind == 2) return static_cast<int64_t>(below(300)) - 20;
  return static_cast<int64_t>(below(8)) - 2;
}

float ModelMutator::real() {
  constexpr std::array<float, 8> kEdges = {0.f, -0.f, NAN, INFINITY, -INFINITY, 1e38f, 1e-40f, -1.f};
  return one_in(3) ? kEdges[below(kEdges.size())] : static_cast<float>(number()) / 4;
}

GraphProto& ModelMutator::any_graph(ModelProto& model) {
  const std::vector<GraphProto*> all = graphs_of(model);
  return *all[one_in(2) ? 0 : below(all.size())];
}

std::string ModelMutator::any_value(const ModelProto& model, const GraphProto& graph) {
  if (one_in(16)) return one_in(2) ? "" : "new" + std::to_string(below(4));
  std::vector<const std::string*> names;
  const auto add = [&](const GraphProto& g) {
    for (const auto& v : g.input()) names.push_back(&v.name());
    for (const auto& t : g.initializer()) names.push_back(&t.name());
    for (const auto& n : g.node())
      for (const std::string& o : n.output()) names.push_back(&o);
  };
  add(graph);
  if (&graph != &model.graph()) add(model.graph());
  return names.empty() ? "" : *names[below(names.size())];
}

void ModelMutator::fill(TensorProto& t, int elem_type, const std::vector<int64_t>& dims) {
  const std::string name = t.name();
  t.Clear();
  t.set_name(name);
  t.set_data_type(elem_type);
  int64_t count = 1;
  for (int64_t d : dims) {
    t.add_dims(d);
    count = d >= 0 && d <= 64 && count <= 64 ? count * d : 0;
  }
  std::string raw;
  for (int64_t i = 0; i < count; ++i) {
    if (elem_type == 1) {
      const float f = real();
      raw.append(reinterpret_cast<const char*>(&f), 4);
    } else {
      const int64_t v = elem_type == 9 ? static_cast<int64_t>(below(2)) : number();
      raw.append(reinterpret_cast<const char*>(&v), static_cast<size_t>(element_bytes_of(elem_type)));
    }
  }
  t.set_raw_data(raw);
}

void ModelMutator::change_tensor(TensorProto& t) {
  std::vector<int64_t> dims(t.dims().begin(), t.dims().end());
  switch (below(4)) {
    case 0:  // a claim only
      if (!dims.empty()) t.set_dims(static_cast<int>(below(dims.size())), number());
      return;
    case 1:
      if (one_in(2) && !dims.empty())
        dims.pop_back();
      else
        dims.push_back(static_cast<int64_t>(below(4)));
      break;
    case 2:
      if (!dims.empty()) dims[below(dims.size())] = static_cast<int64_t>(below(6));
      break;
    default:
      break;
  }
  fill(t, one_in(3) ? kElementTypes[below(std::size(kElementTypes))] : t.data_type(), dims);
}

void ModelMutator::change_type(TypeProto& type) {
  if (one_in(40)) {
    TypeProto inner = type;
    if (one_in(2))
      *type.mutable_sequence_type()->mutable_elem_type() = std::move(inner);
    else
      *type.mutable_optional_type()->mutable_elem_type() = std::move(inner);
    return;
  }
  TypeProto::Tensor& t = *type.mutable_tensor_type();
  if (one_in(3)) t.set_elem_type(kElementTypes[below(std::size(kElementTypes))]);
  if (one_in(20)) return t.clear_shape();
  auto& dims = *t.mutable_shape()->mutable_dim();
  if (dims.empty() || one_in(6)) dims.Add()->set_dim_value(static_cast<int64_t>(below(5)));
  if (one_in(8)) remove_at(dims, below(static_cast<size_t>(dims.size())));
  if (dims.empty()) return;
  auto& d = *dims.Mutable(static_cast<int>(below(static_cast<size_t>(dims.size()))));
  if (one_in(4))
    d.set_dim_param(one_in(2) ? "N" : "M");
  else if (one_in(8))
    d.clear_value();
  else
    d.set_dim_value(number());
}

void ModelMutator::change_attribute(AttributeProto& a) {
  if (one_in(20)) return a.set_type(static_cast<AttributeProto::AttributeType>(below(15)));
  if (one_in(20)) return a.set_ref_attr_name("a" + std::to_string(below(3)));
  if (a.has_i()) return a.set_i(number());
  if (a.has_f()) return a.set_f(real());
  if (a.has_t()) return change_tensor(*a.mutable_t());
  if (a.has_tp()) return change_type(*a.mutable_tp());
  if (a.has_s()) {
    std::string& s = *a.mutable_s();
    if (!s.empty() && one_in(2))
      s[below(s.size())] = static_cast<char>(below(256));
    else if (one_in(4))
      s += one_in(2) ? s : "...";
    return;
  }
  auto& ints = *a.mutable_ints();
  auto& floats = *a.mutable_floats();
  if (a.type() == AttributeProto::FLOATS) {
    if (floats.empty() || one_in(4)) floats.Add(real());
    floats[static_cast<int>(below(static_cast<size_t>(floats.size())))] = real();
  } else if (a.type() == AttributeProto::INTS) {
    if (ints.empty() || one_in(4)) ints.Add(number());
    if (one_in(6)) ints.RemoveLast();
    if (!ints.empty()) ints[static_cast<int>(below(static_cast<size_t>(ints.size())))] = number();
  }
}

void ModelMutator::add_constant(GraphProto& graph, NodeProto& node) {
  TensorProto& t = *graph.add_initializer();
  t.set_name("c" + std::to_string(graph.initializer_size()) + std::to_string(below(1000)));
  std::vector<int64_t> dims;
  for (size_t r = below(3); r > 0; --r) dims.push_back(static_cast<int64_t>(below(5)));
  fill(t, kElementTypes[below(std::size(kElementTypes))], dims);
  if (node.input_size() > 0 && one_in(2))
    node.set_input(static_cast<int>(below(static_cast<size_t>(node.input_size()))), t.name());
  else
    node.add_input(t.name());
}

/// An input that is a constant lets folding go on to the nodes that read it.
void ModelMutator::become_constant(GraphProto& graph) {
  if (graph.input_size() == 0) return;
  const size_t i = below(static_cast<size_t>(graph.input_size()));
  const auto& input = graph.input(static_cast<int>(i));
  std::vector<int64_t> dims;
  for (const auto& d : input.type().tensor_type().shape().dim())
    dims.push_back(d.has_dim_value() && d.dim_value() < 64 ? d.dim_value() : 2);
  TensorProto& t = *graph.add_initializer();
  t.set_name(input.name());
  fill(t, input.type().tensor_type().elem_type(), dims);
  remove_at(*graph.mutable_input(), i);
}

void ModelMutator::add_sample(const ModelProto& model, GraphProto& graph) {
  const SampleNode& sample = sample_nodes()[below(sample_nodes().size())];
  NodeProto node = sample.node;
  for (std::string& input : *node.mutable_input())
    if (!input.empty()) input = any_value(model, graph);
  for (std::string& output : *node.mutable_output())
    if (!output.empty()) output += "_" + std::to_string(below(10000));
  if (one_in(2) && node.output_size() > 0) graph.add_output()->set_name(node.output(0));
  *graph.add_node() = std::move(node);
}

void ModelMutator::change_node(const ModelProto& model, const GraphProto& graph, NodeProto& node) {
  const auto input_at = [&] { return static_cast<int>(below(static_cast<size_t>(node.input_size()))); };
  switch (below(9)) {
    case 0:
    case 1:
      if (node.input_size() > 0) node.set_input(input_at(), any_value(model, graph));
      break;
    case 2:
      node.add_input(any_value(model, graph));
      break;
    case 3:
      if (node.input_size() > 0) node.mutable_input()->RemoveLast();
      break;
    case 4:
      if (node.output_size() > 1 && one_in(2))
        node.mutable_output()->RemoveLast();
      else
        node.add_output("o" + std::to_string(below(10000)));
      break;
    case 5: {  // another op, with or without its attributes
      const NodeProto& other = sample_nodes()[below(sample_nodes().size())].node;
      node.set_op_type(other.op_type());
      if (one_in(2)) *node.mutable_attribute() = other.attribute();
      break;
    }
    case 6: {  // one attribute of a sample of the same op
      std::vector<const NodeProto*> same;
      for (const SampleNode& s : sample_nodes())
        if (s.node.op_type() == node.op_type() && s.node.attribute_size() > 0) same.push_back(&s.node);
      if (same.empty()) break;
      const auto& from = same[below(same.size())]->attribute();
      const AttributeProto& a = from.Get(static_cast<int>(below(static_cast<size_t>(from.size()))));
      for (AttributeProto& own : *node.mutable_attribute())
        if (own.name() == a.name()) return own.CopyFrom(a);
      *node.add_attribute() = a;
      break;
    }
    default:
      if (node.attribute_size() > 0)
        change_attribute(
            *node.mutable_attribute(static_cast<int>(below(static_cast<size_t>(node.attribute_size())))));
  }
}

void ModelMutator::change_nodes(const ModelProto& model, GraphProto& graph) {
  auto& nodes = *graph.mutable_node();
  const auto any = [&] { return static_cast<int>(below(static_cast<size_t>(nodes.size()))); };
  if (nodes.empty() || one_in(4)) return add_sample(model, graph);
  switch (below(4)) {
    case 0:
      return remove_at(nodes, static_cast<size_t>(any()));
    case 1: {  // again, on its own result
      NodeProto copy = nodes.Get(any());
      for (std::string& output : *copy.mutable_output()) {
        if (!copy.mutable_input()->empty() && !output.empty()) copy.set_input(0, output);
        if (!output.empty()) output += "+";
      }
      if (copy.output_size() > 0) graph.add_output()->set_name(copy.output(0));
      *nodes.Add() = std::move(copy);
      return;
    }
    case 2:
      return nodes.SwapElements(any(), any());
    default:
      return add_constant(graph, *nodes.Mutable(any()));
  }
}

void ModelMutator::change_function(ModelProto& model) {
  if (model.functions_size() == 0) {
    // The graph's nodes become a function's, called in their place.
    onnx::FunctionProto& f = *model.add_functions();
    f.set_name("F" + std::to_string(below(3)));
    f.set_domain("local");
    *f.mutable_opset_import() = model.opset_import();
    *f.mutable_node() = model.graph().node();
    NodeProto call;
    call.set_op_type(f.name());
    call.set_domain("local");
    for (const auto& v : model.graph().input()) f.add_input(v.name()), call.add_input(v.name());
    for (const auto& t : model.graph().initializer()) f.add_input(t.name()), call.add_input(t.name());
    for (const auto& v : model.graph().output()) f.add_output(v.name()), call.add_output(v.name());
    model.mutable_graph()->clear_node();
    *model.mutable_graph()->add_node() = std::move(call);
    onnx::OperatorSetIdProto& import = *model.add_opset_import();
    import.set_domain("local");
    import.set_version(1);
    return;
  }
  onnx::FunctionProto& f =
      *model.mutable_functions(static_cast<int>(below(static_cast<size_t>(model.functions_size()))));
  if (one_in(4)) {
    *model.add_functions() = f;
    model.mutable_functions(model.functions_size() - 1)->set_name("F" + std::to_string(below(6)));
  }
  if (f.node_size() == 0) return;
  NodeProto& node = *f.mutable_node(static_cast<int>(below(static_cast<size_t>(f.node_size()))));
  if (one_in(3)) {  // calls another, or itself
    node.set_domain("local");
    node.set_op_type(
        model.functions(static_cast<int>(below(static_cast<size_t>(model.functions_size())))).name());
  } else {
    change_node(model, model.graph(), node);
  }
}

void ModelMutator::change(ModelProto& model) {
  GraphProto& graph = any_graph(model);
  const auto any = [&](int size) { return static_cast<int>(below(static_cast<size_t>(size))); };
  switch (below(12)) {
    case 0:
      if (graph.input_size() > 0) change_type(*graph.mutable_input(any(graph.input_size()))->mutable_type());
      break;
    case 1:
      if (graph.initializer_size() > 0)
        change_tensor(*graph.mutable_initializer(any(graph.initializer_size())));
      break;
    case 2:
      become_constant(graph);
      break;
    case 3:
      change_nodes(model, graph);
      break;
    case 4:
      if (model.opset_import_size() > 0)
        model.mutable_opset_import(any(model.opset_import_size()))
            ->set_version(1 + static_cast<int>(below(25)));
      break;
    case 5:
      if (one_in(4)) change_function(model);
      break;
    case 6:
      if (one_in(2) && graph.output_size() > 0)
        graph.mutable_output(any(graph.output_size()))->set_name(any_value(model, graph));
      else
        graph.add_output()->set_name(any_value(model, graph));
      break;
    case 7: {
      auto& input = *graph.add_input();
      input.set_name("i" + std::to_string(below(100)));
      change_type(*input.mutable_type());
      break;
    }
    default:
      if (graph.node_size() > 0) change_node(model, graph, *graph.mutable_node(any(graph.node_size())));
  }
}

void ModelMutator::cross(ModelProto& model, const ModelProto& other) {
  GraphProto& graph = any_graph(model);
  const GraphProto& from = other.graph();
  const std::string suffix = "x" + std::to_string(below(1000));
  for (TensorProto t : from.initializer()) {
    t.set_name(t.name() + suffix);
    *graph.add_initializer() = std::move(t);
  }
  const bool join = one_in(2) && graph.node_size() > 0;
  for (auto input : from.input()) {
    if (join) break;
    input.set_name(input.name() + suffix);
    *graph.add_input() = std::move(input);
  }
  const bool into_subgraph = one_in(8);
  for (NodeProto node : from.node()) {
    for (std::string& name : *node.mutable_input()) {
      const bool is_input =
          std::ranges::any_of(from.input(), [&](const auto& v) { return v.name() == name; });
      if (join && is_input)
        name = any_value(model, graph);
      else if (!name.empty())
        name += suffix;
    }
    for (std::string& name : *node.mutable_output())
      if (!name.empty()) name += suffix;
    GraphProto* to = &graph;
    if (into_subgraph)
      for (NodeProto& n : *graph.mutable_node())
        for (AttributeProto& a : *n.mutable_attribute())
          if (a.has_g()) to = a.mutable_g();
    *to->add_node() = std::move(node);
  }
  for (auto output : from.output()) {
    output.set_name(output.name() + suffix);
    *graph.add_output() = std::move(output);
  }
}

}  // namespace dunlin::fuzz
