#include "graph/passes/fake_quantize.h"

#include "graph/op.h"
#include "graph/passes/equal_constants.h"

namespace dunlin {

namespace {

/// Input i of both: one value, or constants that are equal (exporters write them twice).
bool same_input(EqualConstants& constants, const Node& a, const Node& b, size_t i) {
  const ValueId x = i < a.inputs.size() ? a.inputs[i] : kNoValue,
                y = i < b.inputs.size() ? b.inputs[i] : kNoValue;
  return constants.same_as(x) == constants.same_as(y);
}

bool undoes(const Graph& g, EqualConstants& constants, const Node& dequantize, const Node& quantize) {
  const NodeView a(g, dequantize), b(g, quantize);
  return same_input(constants, dequantize, quantize, 1) && same_input(constants, dequantize, quantize, 2) &&
         a.attr_int("axis", 1) == b.attr_int("axis", 1) &&
         a.attr_int("block_size", 0) == b.attr_int("block_size", 0) && !a.has_attr("output_dtype") &&
         !b.has_attr("precision");
}

bool is_wide_float(Format f) { return f == &formats::kF32 || f == &formats::kF64; }

}  // namespace

Graph recognize_fake_quantize(Graph g, const std::set<ValueId>& variable) {
  const std::vector<int> producer = producers(g);
  EqualConstants constants(g, variable);
  for (Node& node : g.nodes) {
    if (node.op != "DequantizeLinear" || !node.domain.empty()) continue;
    const int p = producer[static_cast<size_t>(node.inputs[0])];
    if (p < 0) continue;
    const Node& quantize = g.nodes[static_cast<size_t>(p)];
    if (quantize.op != "QuantizeLinear" || !quantize.domain.empty() || !undoes(g, constants, node, quantize))
      continue;
    const Format x = g.type(quantize.inputs[0]).format, q = g.type(node.inputs[0]).format;
    if (!is_wide_float(x) || g.type(node.inputs[1]).format != x) continue;
    if (q != &formats::kU8 && q != &formats::kI8 && q != &formats::kU16 && q != &formats::kI16) continue;
    const NodeView view(g, node);
    node.attributes = {{"axis", view.attr_int("axis", 1)},
                       {"block_size", view.attr_int("block_size", 0)},
                       {"to", static_cast<int64_t>(q->onnx_type)}};
    node.op = "FakeQuantize";
    node.domain = kDunlinDomain;
    node.opset = 1;
    node.inputs = quantize.inputs;
  }
  return g;
}

}  // namespace dunlin
