#include "graph/passes/quantized_values.h"

#include <cmath>

namespace dunlin {

namespace {

bool is_byte(Format f) { return f == &formats::kI8 || f == &formats::kU8; }

std::vector<double> numbers(const Tensor& t) {
  if (!is_plain(t.format())) return {};
  if (t.format()->kind == FormatDef::Kind::kFloat) {
    const Tensor floats = t.to_float();
    return {floats.data<float>(), floats.data<float>() + floats.num_elements()};
  }
  const std::vector<int64_t> ints = to_ints(t);
  return {ints.begin(), ints.end()};
}

/// Inputs 1 and 2 of the node when they are one number each and its attributes ask for nothing special.
std::optional<QuantizedValue> one_scale(const Rewrite& r, const Node& n, ValueId bytes) {
  const Tensor* scale = n.inputs.size() > 1 ? r.constant(n.inputs[1]) : nullptr;
  if (!scale || scale->format() != &formats::kF32 || scale->num_elements() != 1) return std::nullopt;
  for (const char* name : {"block_size", "output_dtype", "precision"})
    if (n.attributes.contains(name)) return std::nullopt;
  QuantizedValue q{bytes, n.inputs[1], kNoValue, to_scalar(*scale), 0};
  if (!std::isfinite(q.scale_number) || q.scale_number <= 0) return std::nullopt;
  if (n.inputs.size() > 2 && n.inputs[2] != kNoValue) {
    const Tensor* zero = r.constant(n.inputs[2]);
    if (!zero || zero->num_elements() != 1) return std::nullopt;
    q.zero_point = n.inputs[2];
    q.zero_number = static_cast<double>(to_ints(*zero)[0]);
  }
  return q;
}

}  // namespace

std::optional<QuantizedValue> dequantized(const Rewrite& r, ValueId v) {
  const Node* n = r.maker(v, "DequantizeLinear");
  if (!n || !is_byte(r.type(n->inputs[0]).format) || r.type(v).format != &formats::kF32 ||
      r.constant(n->inputs[0]))
    return std::nullopt;
  return one_scale(r, *n, n->inputs[0]);
}

std::optional<QuantizedValue> quantized_by(const Rewrite& r, const Node& quantize) {
  if (quantize.op != "QuantizeLinear" || !quantize.domain.empty() ||
      r.type(quantize.inputs[0]).format != &formats::kF32 || !is_byte(r.type(quantize.outputs[0]).format))
    return std::nullopt;
  return one_scale(r, quantize, quantize.outputs[0]);
}

std::optional<QuantizedWeights> dequantized_weights(const Rewrite& r, ValueId v, int axis) {
  const Node* n = r.maker(v, "DequantizeLinear");
  if (!n || n->attributes.contains("block_size") || r.type(v).format != &formats::kF32) return std::nullopt;
  const Tensor *w = r.constant(n->inputs[0]), *scale = r.constant(n->inputs[1]);
  if (!w || !is_byte(w->format()) || !scale || scale->format() != &formats::kF32) return std::nullopt;
  QuantizedWeights out{n->inputs[0], n->inputs[1], kNoValue, w, numbers(*scale)};
  if (n->inputs.size() > 2 && n->inputs[2] != kNoValue) {
    if (!r.constant(n->inputs[2])) return std::nullopt;
    out.zero_point = n->inputs[2];
  }
  for (double s : out.scales)
    if (!std::isfinite(s)) return std::nullopt;
  const int rank = w->shape().rank();
  if (out.scales.size() == 1) return out;
  const int64_t node_axis = NodeView(r.graph(), *n).attr_int("axis", 1);
  if (rank <= axis || (node_axis < 0 ? node_axis + rank : node_axis) != axis ||
      static_cast<int64_t>(out.scales.size()) != w->shape()[axis])
    return std::nullopt;
  return out;
}

std::vector<double> constant_numbers(const Rewrite& r, ValueId v) {
  if (const Tensor* t = r.constant(v)) return numbers(*t);
  const Node* n = r.maker(v, "DequantizeLinear");
  if (!n || n->attributes.contains("block_size")) return {};
  const Tensor *x = r.constant(n->inputs[0]), *scale = r.constant(n->inputs[1]);
  if (!x || !scale || x->shape().rank() > 1) return {};
  std::vector<double> out = numbers(*x), zeros{0};
  const std::vector<double> scales = numbers(*scale);
  if (n->inputs.size() > 2 && n->inputs[2] != kNoValue) {
    const Tensor* zero = r.constant(n->inputs[2]);
    if (!zero) return {};
    zeros = numbers(*zero);
  }
  const auto fits = [&](const std::vector<double>& each) {
    return each.size() == 1 || each.size() == out.size();
  };
  if (!fits(scales) || !fits(zeros)) return {};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = (out[i] - zeros[zeros.size() == 1 ? 0 : i]) * scales[scales.size() == 1 ? 0 : i];
  return out;
}

}  // namespace dunlin
