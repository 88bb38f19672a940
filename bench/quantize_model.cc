// Writes a QDQ int8 model from an fp32 one, for the benchmarks: weights symmetric by output channel, activations u8 by the
// least and largest value that a few pictures give. No quantisation stands between a product and its Relu or Clip: ONNX
// Runtime, too, is fastest with that spelling.
//
//   quantize_model MODEL.onnx OUT.onnx
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "dunlin/session.h"
#include "graph/infer.h"
#include "graph/name_table.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/passes/fold_batch_norm.h"
#include "pictures.h"

namespace {

using namespace dunlin;

struct Range {
  float least = 0, most = 0;  // 0 must be a number of the range: padding is
  float scale() const { return std::max(most - least, 1e-8f) / 255; }
  uint8_t zero_point() const { return static_cast<uint8_t>(std::nearbyint(-least / scale())); }
};

bool is_product(const Node& n) { return n.op == "Conv" || n.op == "Gemm" || n.op == "MatMul"; }
/// These leave the numbers: one range serves both sides.
bool moves(const Node& n) { return n.op == "MaxPool" || n.op == "Flatten" || n.op == "Reshape"; }
bool is_quantized(const Node& n) {
  constexpr std::string_view kOthers[] = {"Add",         "Mul",  "GlobalAveragePool", "Sigmoid",
                                          "HardSigmoid", "Relu", "HardSwish",         "Clip"};
  return is_product(n) || moves(n) || std::ranges::find(kOthers, n.op) != std::end(kOthers);
}

class Quantizer {
 public:
  explicit Quantizer(Graph graph)
      : g_(fold_batch_norm(infer_and_fold(std::move(graph)))), names_(g_), uses_(use_counts(g_)) {}

  Graph run() {
    choose();
    calibrate();
    std::vector<Node> nodes;
    const std::vector<Node> old = std::exchange(g_.nodes, {});
    for (ValueId v : g_.inputs) quantize(v, nodes);
    for (Node n : old) {
      if (is_product(n)) quantize_constants(n, nodes);
      for (ValueId& v : n.inputs)
        if (const auto it = there_and_back_.find(v); is_quantized(n) && it != there_and_back_.end())
          v = it->second;
      nodes.push_back(n);
      for (ValueId v : n.outputs) quantize(v, nodes);
    }
    g_.nodes = std::move(nodes);
    return infer_and_drop(std::move(g_));
  }

 private:
  static Graph infer_and_drop(Graph g) {
    InferOptions options;
    options.fold_dequantized = false;
    return remove_dead(infer_and_fold(std::move(g), options));
  }

  bool is_activation(ValueId v) const {
    return v != kNoValue && !g_.initializer(v) && g_.type(v).format == &formats::kF32;
  }

  void choose() {
    const std::vector<int> producer = producers(g_);
    for (const Node& n : g_.nodes) {
      if (!is_quantized(n)) continue;
      const bool bounds = n.op == "Relu" || n.op == "Clip";
      const int p = producer[static_cast<size_t>(n.inputs[0])];
      const bool joined =
          bounds && p >= 0 &&
          (is_product(g_.nodes[static_cast<size_t>(p)]) || g_.nodes[static_cast<size_t>(p)].op == "Add") &&
          uses_[static_cast<size_t>(n.inputs[0])] == 1;
      for (ValueId v : n.inputs)
        if (is_activation(v)) chosen_.insert(v);
      if (joined) chosen_.erase(n.inputs[0]);
      if (is_activation(n.outputs[0])) chosen_.insert(n.outputs[0]);
    }
    for (ValueId v : g_.outputs) chosen_.erase(v);
  }

  void calibrate() {
    Graph all = g_;
    all.outputs.assign(chosen_.begin(), chosen_.end());
    Session session(std::make_shared<const Graph>(std::move(all)));
    for (int i = 0; i < kPictures; ++i) {
      const std::vector<float> x = picture(i);
      const Tensor in[] = {Tensor::of<float>(Shape{1, 3, 224, 224}, std::span<const float>(x))};
      const std::vector<Tensor> out = session.run(in);
      size_t k = 0;
      for (ValueId v : chosen_) {
        Range& r = ranges_[v];
        for (float y : out[k].values<float>()) r = {std::min(r.least, y), std::max(r.most, y)};
        ++k;
      }
    }
    for (const Node& n : g_.nodes)
      if (moves(n) && chosen_.contains(n.outputs[0])) ranges_[n.outputs[0]] = ranges_[n.inputs[0]];
  }

  ValueId constant(const std::string& name, Tensor t) {
    return g_.add_initializer(names_.unused(name), std::make_shared<Tensor>(std::move(t)));
  }
  ValueId node(std::vector<Node>& nodes, const char* op, std::vector<ValueId> in, const std::string& name,
               Attributes attributes = {}) {
    const ValueId out = g_.add_value(names_.unused(name));
    nodes.push_back({.op = op,
                     .domain = "",
                     .name = g_.value_name(out),
                     .attributes = std::move(attributes),
                     .inputs = std::move(in),
                     .outputs = {out}});
    return out;
  }

  void quantize(ValueId v, std::vector<Node>& nodes) {
    if (!chosen_.contains(v)) return;
    const Range& r = ranges_.at(v);
    const std::string name = g_.value_name(v);
    const ValueId scale = constant(name + "/scale", Tensor::of<float>({}, {r.scale()})),
                  zero = constant(name + "/zero_point", Tensor::of<uint8_t>({}, {r.zero_point()}));
    const ValueId q = node(nodes, "QuantizeLinear", {v, scale, zero}, name + "/quantized");
    there_and_back_[v] = node(nodes, "DequantizeLinear", {q, scale, zero}, name + "/dequantized");
  }

  /// Weights and bias of a product whose input is quantised.
  void quantize_constants(Node& n, std::vector<Node>& nodes) {
    const Tensor* w = g_.initializer(n.inputs[1]);
    if (!w || !chosen_.contains(n.inputs[0])) return;
    const bool by_rows = n.op == "Conv" || NodeView(g_, n).attr_int("transB", 0) != 0;
    const int64_t axis = by_rows ? 0 : w->shape().rank() - 1, channels = w->shape()[static_cast<int>(axis)];
    const int64_t inner = by_rows ? w->num_elements() / channels : 1;
    const auto channel = [&](int64_t i) { return i / inner % channels; };
    const float x_scale = ranges_.at(n.inputs[0]).scale();
    Tensor scale(&formats::kF32, Shape{channels}), zero(&formats::kI8, Shape{channels}),
        q(&formats::kI8, w->shape());
    std::fill_n(scale.data<float>(), channels, 1e-8f);
    std::fill_n(zero.data<int8_t>(), channels, int8_t{0});
    const Tensor dense = w->clone();
    const float* from = dense.data<float>();
    for (int64_t i = 0; i < w->num_elements(); ++i) {
      float& s = scale.data<float>()[channel(i)];
      s = std::max(s, std::fabs(from[i]) / 127);
    }
    for (int64_t i = 0; i < w->num_elements(); ++i)
      q.data<int8_t>()[i] = static_cast<int8_t>(std::nearbyint(from[i] / scale.data<float>()[channel(i)]));
    const std::string name = g_.value_name(n.inputs[1]);
    if (n.inputs.size() > 2 && n.inputs[2] != kNoValue) {
      const Tensor* b = g_.initializer(n.inputs[2]);
      Tensor steps(&formats::kI32, Shape{channels}), step(&formats::kF32, Shape{channels}),
          none(&formats::kI32, Shape{channels});
      for (int64_t c = 0; c < channels; ++c) {
        step.data<float>()[c] = x_scale * scale.data<float>()[c];
        steps.data<int32_t>()[c] =
            static_cast<int32_t>(std::nearbyint(b->data<float>()[c] / step.data<float>()[c]));
        none.data<int32_t>()[c] = 0;
      }
      const std::string bias = g_.value_name(n.inputs[2]);
      n.inputs[2] =
          node(nodes, "DequantizeLinear",
               {constant(bias + "/quantized", std::move(steps)), constant(bias + "/scale", std::move(step)),
                constant(bias + "/zero_point", std::move(none))},
               bias + "/dequantized", {{"axis", int64_t{0}}});
    }
    n.inputs[1] =
        node(nodes, "DequantizeLinear",
             {constant(name + "/quantized", std::move(q)), constant(name + "/scale", std::move(scale)),
              constant(name + "/zero_point", std::move(zero))},
             name + "/dequantized", {{"axis", axis}});
  }

  Graph g_;
  NameTable names_;
  std::vector<int> uses_;
  std::set<ValueId> chosen_;
  std::map<ValueId, Range> ranges_;
  std::map<ValueId, ValueId> there_and_back_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: quantize_model MODEL.onnx OUT.onnx\n");
    return 2;
  }
  try {
    Model model = load_onnx(argv[1]);
    model.graph = Quantizer(std::move(model.graph)).run();
    save_onnx(model, argv[2]);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
