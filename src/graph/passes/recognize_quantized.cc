#include "graph/passes/recognize_quantized.h"

#include <array>
#include <cmath>

#include "graph/activation.h"
#include "graph/infer.h"
#include "graph/name_table.h"
#include "graph/passes/quantized_values.h"

namespace dunlin {

namespace {

/// A product found: the node that would compute its sums, and the nodes that it stands for.
struct Product {
  Node node;  ///< without y_scale, y_zero_point
  std::vector<const Node*> parts;
};

class Matcher {
 public:
  Matcher(Graph& g, const std::set<ValueId>& variable) : r_(g, variable), g_(g), names_(g) {}

  void run() {
    for (size_t i = 0; i < g_.nodes.size(); ++i) to_bytes(i);
    for (size_t i = 0; i < g_.nodes.size(); ++i) to_floats(i);
  }

 private:
  /// QuantizeLinear(clip(product)).
  void to_bytes(size_t i) {
    const Node& quantize = g_.nodes[i];
    const auto y = quantized_by(r_, quantize);
    if (!y) return;
    ValueId v = quantize.inputs[0];
    std::optional<Activation> clip;
    std::vector<const Node*> parts;
    for (const char* op : {"Relu", "Clip"}) {
      const Node* n = r_.sole_maker(v, op);
      if (!n) continue;
      clip = activation_of(NodeView(g_, *n),
                           [&](int k) { return r_.constant(n->inputs[static_cast<size_t>(k)]); });
      if (!clip || clip->kind != ActivationKind::kClip || std::isnan(clip->a) || std::isnan(clip->b)) return;
      parts.push_back(n);
      v = n->inputs[0];
      break;
    }
    size_t y_scale = 6;  // the input
    bias_tolerance_ = 0.05 * y->scale_number;
    auto p = product(v, true);
    bias_tolerance_ = 0;
    if (!p) p = binary(v);
    if (!p && !clip) {
      p = pool(v);
      y_scale = 3;
    }
    if (!p && !clip) return moved(quantize, *y);
    if (!p) return;
    p->node.inputs.resize(std::max(p->node.inputs.size(), y_scale + 2), kNoValue);
    p->node.inputs[y_scale] = y->scale;
    p->node.inputs[y_scale + 1] = y->zero_point;
    if (y->zero_point == kNoValue)
      p->node.inputs[y_scale + 1] =
          add(g_.value_name(quantize.outputs[0]) + "/zero", Tensor(&formats::kU8, Shape{}));
    if (clip) {
      const bool is_signed = r_.type(y->bytes).format == &formats::kI8;
      const double lowest = is_signed ? -128 : 0;
      const auto bound = [&](float b) {
        return static_cast<int64_t>(std::clamp(
            std::nearbyint(static_cast<double>(b) / y->scale_number) + y->zero_number, lowest, lowest + 255));
      };
      p->node.attributes["min"] = bound(clip->a);
      p->node.attributes["max"] = bound(clip->b);
    }
    parts.insert(parts.end(), p->parts.begin(), p->parts.end());
    r_.replace(quantize, parts, std::move(p->node));
  }

  void to_floats(size_t i) {
    if (g_.nodes[i].outputs.size() != 1) return;
    auto p = product(g_.nodes[i].outputs[0], false);
    if (!p) return;
    // The last of its nodes is the root.
    p->parts.erase(p->parts.begin());
    r_.replace(g_.nodes[i], p->parts, std::move(p->node));
  }

  /// A sum or product of two quantised values.
  std::optional<Product> binary(ValueId v) {
    for (const char* op : {"Add", "Mul"}) {
      const Node* n = r_.sole_maker(v, op);
      const auto a = n ? dequantized(r_, n->inputs[0]) : std::nullopt,
                 b = n ? dequantized(r_, n->inputs[1]) : std::nullopt;
      if (!a || !b || !serves_pixels(n->inputs[0], n->inputs[1])) continue;
      return Product{
          new_node(std::string("Quantized") + op,
                   {a->bytes, a->scale, a->zero_point, b->bytes, b->scale, b->zero_point}, {}, kDunlinDomain),
          {n}};
    }
    return std::nullopt;
  }
  /// Of one shape, or one has a number for each channel of an image: what kernels take.
  bool serves_pixels(ValueId a, ValueId b) const {
    if (r_.same_type(a, b)) return true;
    const auto &x = r_.type(a).shape, &z = r_.type(b).shape;
    if (!x || !z || x->rank() != 4 || z->rank() != 4) return false;
    const auto one_pixel = [](const Shape& s) { return s[2] == 1 && s[3] == 1; };
    return (one_pixel(*x) || one_pixel(*z)) && (*x)[0] == (*z)[0] && (*x)[1] == (*z)[1];
  }

  std::optional<Product> pool(ValueId v) {
    const Node* n = r_.sole_maker(v, "GlobalAveragePool");
    const auto x = n ? dequantized(r_, n->inputs[0]) : std::nullopt;
    if (!x) return std::nullopt;
    return Product{
        new_node("QuantizedGlobalAveragePool", {x->bytes, x->scale, x->zero_point}, {}, kDunlinDomain), {n}};
  }

  /// Ops that hand elements on do so with bytes, where these mean the same before and after.
  void moved(const Node& quantize, const QuantizedValue& y) {
    for (const char* op : {"MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose"}) {
      const Node* n = r_.sole_maker(quantize.inputs[0], op);
      const auto x = n && n->outputs.size() == 1 ? dequantized(r_, n->inputs[0]) : std::nullopt;
      if (!x || x->scale_number != y.scale_number || x->zero_number != y.zero_number ||
          r_.type(x->bytes).format != r_.type(y.bytes).format)
        continue;
      Node bytes = *n;
      bytes.opset = std::max(g_.opset_of(*n), std::string_view(op) == "MaxPool" ? 12 : 1);
      bytes.inputs[0] = x->bytes;
      r_.replace(quantize, std::array{n}, std::move(bytes));
      return;
    }
  }

  /// The product that makes `v`; with `sole` nothing else may read it.
  std::optional<Product> product(ValueId v, bool sole) {
    const auto maker = [&](const char* op) { return sole ? r_.sole_maker(v, op) : r_.maker(v, op); };
    if (const Node* conv = maker("Conv")) return convolution(*conv);
    if (const Node* gemm = maker("Gemm")) return matrix_product(*gemm, nullptr);
    if (const Node* matmul = maker("MatMul")) return matrix_product(*matmul, nullptr);
    const Node* sum = maker("Add");
    for (size_t k : {0u, 1u})
      if (const Node* matmul = sum ? r_.sole_maker(sum->inputs[k], "MatMul") : nullptr)
        if (auto p = matrix_product(*matmul, sum, sum->inputs[1 - k])) return p;
    return std::nullopt;
  }

  std::optional<Product> convolution(const Node& conv) {
    const auto x = dequantized(r_, conv.inputs[0]);
    const auto w = x ? dequantized_weights(r_, conv.inputs[1], 0) : std::nullopt;
    if (!w || w->tensor->shape().rank() < 3) return std::nullopt;
    const ValueId bias = conv.inputs.size() > 2 ? conv.inputs[2] : kNoValue;
    const Shape& shape = w->tensor->shape();
    if (shape.rank() > 5 || shape[0] == 0 || !fits_kernels(*w, shape.num_elements() / shape[0]))
      return std::nullopt;
    auto p = scaled("QuantizedConv", *x, *w, w->bytes, bias, shape[0]);
    if (!p) return std::nullopt;
    p->node.attributes = conv.attributes;
    p->parts = {&conv};
    return p;
  }

  /// `sum` adds `addend` to the product, where it is not null.
  std::optional<Product> matrix_product(const Node& n, const Node* sum, ValueId addend = kNoValue) {
    const NodeView a(g_, n);
    const bool gemm = n.op == "Gemm", transposed = gemm && a.attr_int("transB", 0) != 0;
    if (gemm &&
        (a.attr_int("transA", 0) != 0 || a.attr_float("alpha", 1) != 1 || a.attr_float("beta", 1) != 1))
      return std::nullopt;
    const auto x = dequantized(r_, n.inputs[0]);
    const auto w = x ? dequantized_weights(r_, n.inputs[1], transposed ? 0 : 1) : std::nullopt;
    if (!w || w->tensor->shape().rank() != 2) return std::nullopt;
    const int64_t columns = w->tensor->shape()[transposed ? 0 : 1];
    if (!fits_kernels(*w, w->tensor->shape()[transposed ? 1 : 0])) return std::nullopt;
    if (gemm && n.inputs.size() > 2) addend = n.inputs[2];
    if (addend != kNoValue) {  // a row, which leaves the shape of the product
      const auto& shape = r_.type(addend).shape;
      const auto& y = r_.type(n.outputs[0]).shape;
      if (!shape || shape->rank() < 1 || !y || shape->rank() > y->rank() ||
          (*shape)[shape->rank() - 1] != columns || shape->num_elements() != columns)
        return std::nullopt;
    }
    const ValueId bytes = transposed ? transpose(w->bytes, *w->tensor) : w->bytes;
    auto p = scaled("QuantizedMatMul", *x, *w, bytes, addend, columns);
    if (!p) return std::nullopt;
    if (sum) p->parts.push_back(sum);
    p->parts.push_back(&n);
    return p;
  }

  /// What integer kernels take; anything else is faster in floats than by the reference. Weights less their zero point
  /// have 8 bits, and so many products of 8 bits cannot leave 32.
  bool fits_kernels(const QuantizedWeights& w, int64_t reduction) const {
    if (reduction > 0x40000000 / (255 * 128)) return false;
    int64_t zero = 0;
    if (w.zero_point != kNoValue) {
      const std::vector<int64_t> zeros = to_ints(*r_.constant(w.zero_point));
      if (zeros.empty() || std::ranges::any_of(zeros, [&](int64_t z) { return z != zeros[0]; })) return false;
      zero = zeros[0];
    }
    if (zero == (w.tensor->format() == &formats::kI8 ? 0 : 128)) return true;
    return std::ranges::all_of(to_ints(*w.tensor),
                               [&](int64_t v) { return v - zero >= -128 && v - zero <= 127; });
  }

  std::optional<Product> scaled(const char* op, const QuantizedValue& x, const QuantizedWeights& w,
                                ValueId w_bytes, ValueId bias, int64_t channels) {
    ValueId whole = kNoValue;
    if (bias != kNoValue) {
      const std::vector<double> numbers = constant_numbers(r_, bias);
      if (static_cast<int64_t>(numbers.size()) != channels) return std::nullopt;
      // A bias in floats is rounded to whole steps, unless that could be seen.
      double most = 0;
      for (double b : numbers) most = std::max(most, std::fabs(b));
      const double most_off = std::max(bias_tolerance_, 1e-3 * most);
      Tensor steps(&formats::kI32, Shape{channels});
      for (size_t c = 0; c < numbers.size(); ++c) {
        const double step = x.scale_number * w.scales[w.scales.size() == 1 ? 0 : c];
        const double n = numbers[c] == 0 ? 0 : std::nearbyint(numbers[c] / step);
        if (!(std::fabs(n) <= 0x1p29) || std::fabs(n * step - numbers[c]) > most_off) return std::nullopt;
        steps.data<int32_t>()[c] = static_cast<int32_t>(n);
      }
      whole = add(g_.value_name(bias) + "/steps", std::move(steps));
    }
    Node n =
        new_node(op, {x.bytes, x.scale, x.zero_point, w_bytes, w.scale, w.zero_point}, {}, kDunlinDomain);
    if (whole != kNoValue) {
      n.inputs.resize(9, kNoValue);
      n.inputs[8] = whole;
    }
    while (n.inputs.back() == kNoValue) n.inputs.pop_back();
    return Product{std::move(n), {}};
  }

  ValueId add(const std::string& name, Tensor t) {
    return g_.add_initializer(names_.unused(name), std::make_shared<Tensor>(std::move(t)));
  }

  ValueId transpose(ValueId v, const Tensor& t) {
    const Tensor dense = t.is_row_major() ? t.view() : t.clone();
    const int64_t rows = t.shape()[0], columns = t.shape()[1];
    Tensor out(t.format(), Shape{columns, rows});
    const std::byte* from = std::as_const(dense).plane(Plane::kPayload).data();
    std::byte* to = out.plane(Plane::kPayload).data();
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
    return add(g_.value_name(v) + "/transposed", std::move(out));
  }

  Rewrite r_;
  Graph& g_;
  NameTable names_;
  double bias_tolerance_ = 0;  ///< of the product that is looked at
};

}  // namespace

Graph recognize_quantized(Graph g, const std::set<ValueId>& variable) {
  Matcher(g, variable).run();
  return remove_dead(std::move(g));
}

}  // namespace dunlin
