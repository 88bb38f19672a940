#include "graph/passes/training_mode.h"

#include <map>

#include "graph/activation.h"
#include "graph/op.h"
#include "graph/passes/fake_quantize.h"
#include "graph/passes/recognize_activations.h"
#include "graph/passes/recognize_norms.h"
#include "graph/passes/untie_initializers.h"

namespace dunlin {

namespace {

class TrainingForm {
 public:
  TrainingForm(Graph graph, const TrainingModeOptions& options) : options_(options) {
    out_.graph = std::move(graph);
    g().opsets.try_emplace(std::string(kDunlinDomain), 1);
  }

  TrainingGraph run() {
    untie_initializers(g());
    g() = recognize_fake_quantize(std::move(g()), options_.variable);
    g() = recognize_activations(std::move(g()), options_.variable);
    g() = recognize_layer_norms(std::move(g()), options_.variable);
    for (Node& node : g().nodes) {
      if (!node.domain.empty()) continue;
      if (node.op == "BatchNormalization" && options_.batch_norm) batch_norm(node);
      if (node.op == "Dropout" && options_.dropout) dropout(node);
      if (node.op == "MaxPool" && is_float(node.inputs[0]))
        add_output(node, 1, &formats::kI64, node.outputs[0]);
      if (node.op == "LayerNormalization")
        for (size_t i = 1; i < 3; ++i) add_statistics(node, i);
      if (node.op == "SoftmaxCrossEntropyLoss")
        add_output(node, 1, g().type(node.inputs[0]).format, node.inputs[0]);
    }
    fuse_activations();
    for (const RunningStatistic& r : out_.running) g().outputs.push_back(r.updated);
    return std::move(out_);
  }

 private:
  Graph& g() { return out_.graph; }

  bool is_float(ValueId v) {
    const Format f = g().type(v).format;
    return f == nullptr || f->kind == FormatDef::Kind::kFloat;
  }

  /// Output i, which the node may leave out, with the shape of `like`.
  ValueId add_output(Node& node, size_t i, Format format, ValueId like) {
    while (node.outputs.size() <= i) node.outputs.push_back(kNoValue);
    if (node.outputs[i] == kNoValue)
      node.outputs[i] = g().add_value(fmt::format("{}/saved/{}", g().value_name(node.outputs[0]), i),
                                      {.format = format, .shape = g().type(like).shape});
    return node.outputs[i];
  }

  /// Mean and inverse deviation of LayerNormalization: x with the normalised axes 1.
  void add_statistics(Node& node, size_t i) {
    const Type& x = g().type(node.inputs[0]);
    const Format format = x.format == &formats::kF64 ? &formats::kF64 : &formats::kF32;
    std::optional<Shape> shape = x.shape;
    const NodeView view(g(), node);
    if (shape)
      for (int d = view.normalize_axis(view.attr_int("axis", -1), shape->rank()); d < shape->rank(); ++d)
        (*shape)[d] = 1;
    const ValueId v = add_output(node, i, format, node.inputs[0]);
    g().values[static_cast<size_t>(v)].type.shape = std::move(shape);
  }

  void batch_norm(Node& node) {
    const NodeView view(g(), node);
    const int opset = view.opset();
    for (size_t i = 3; i < 5; ++i)
      if (node.inputs.size() <= i || g().initializer(node.inputs[i]) == nullptr)
        view.unsupported("the running statistics must be initialisers to train");
    const Attributes kept{{"epsilon", view.attr_float("epsilon", 1e-5f)},
                          {"momentum", view.attr_float("momentum", 0.9f)}};
    // Outputs of old training forms have another meaning from the fourth on, and nobody reads them.
    node.outputs.resize(opset >= 14 ? std::min<size_t>(node.outputs.size(), 3) : 1);
    node.op = "BatchNormTraining";
    node.domain = kDunlinDomain;
    node.opset = 1;
    node.attributes = kept;
    for (size_t i = 1; i < 5; ++i) {
      const ValueId like = node.inputs[i % 2 ? 3 : 4];
      const ValueId out = add_output(node, i, g().type(like).format, like);
      if (i < 3) out_.running.push_back({like, out});
    }
  }

  void fuse_activations() {
    const std::vector<int> uses = use_counts(g());
    std::vector<Node> kept;
    std::map<ValueId, size_t> place;  // in `kept`, of the BatchNormTraining that makes the value
    for (Node& node : g().nodes) {
      const ValueId x = node.inputs.empty() ? kNoValue : node.inputs[0];
      const auto norm = place.find(x);
      const auto act = norm == place.end() || uses[static_cast<size_t>(x)] != 1
                           ? std::nullopt
                           : activation_of(NodeView(g(), node), [&](int i) -> const Tensor* {
                               const ValueId v = node.inputs[static_cast<size_t>(i)];
                               return options_.variable.contains(v) ? nullptr : g().initializer(v);
                             });
      if (act) {
        Node& n = kept[norm->second];
        set_activation(n, *act);
        if (node.op == "Clip") n.attributes["passes_at_bounds"] = int64_t{1};
        n.outputs[0] = node.outputs[0];
        continue;
      }
      if (node.op == "BatchNormTraining" && node.domain == kDunlinDomain)
        place[node.outputs[0]] = kept.size();
      kept.push_back(std::move(node));
    }
    g().nodes = std::move(kept);
  }

  void dropout(Node& node) {
    const NodeView view(g(), node);
    if (view.opset() < 12) {
      auto ratio = std::make_shared<Tensor>(Tensor::of<float>({}, {view.attr_float("ratio", 0.5f)}));
      node.inputs.resize(1);
      node.inputs.push_back(
          g().add_initializer(g().value_name(node.outputs[0]) + "/ratio", std::move(ratio)));
      node.attributes.clear();
    }
    node.opset = kNewestOpset;
    node.inputs.resize(3, kNoValue);
    auto yes = std::make_shared<Tensor>(Tensor::of<bool>({}, {true}));
    node.inputs[2] = g().add_initializer(g().value_name(node.outputs[0]) + "/training", std::move(yes));
    add_output(node, 1, &formats::kBool, node.outputs[0]);
  }

  TrainingModeOptions options_;
  TrainingGraph out_;
};

}  // namespace

TrainingGraph to_training_mode(Graph graph, const TrainingModeOptions& options) {
  return TrainingForm(std::move(graph), options).run();
}

}  // namespace dunlin
