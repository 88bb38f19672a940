#include "learn/train_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "graph/autodiff/differentiate.h"
#include "graph/autodiff/gradient_path.h"
#include "graph/exporter_parameters.h"
#include "graph/infer.h"
#include "graph/op.h"
#include "graph/passes/inline_functions.h"
#include "graph/passes/training_mode.h"
#include "graph/passes/untie_initializers.h"
#include "graph/support.h"
#include "graph/weights.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

/// Weights without those that a pattern keeps.
std::vector<ValueId> find_weights(const Graph& g, std::span<const std::string> frozen) {
  std::vector<ValueId> out;
  std::vector<char> used(frozen.size(), 0);
  const auto stays = [&](const std::string& name) {
    bool any = false;
    for (size_t p = 0; p < frozen.size(); ++p)
      if (matches(frozen[p], name)) used[p] = any = true;
    return any;
  };
  for (const ValueId v : dunlin::find_weights(g))
    if (!stays(g.value_name(v))) out.push_back(v);
  for (const Node& node : g.nodes)
    if (node.op == "Constant")  // to keep it is to ask for what is so anyway
      for (const ValueId v : node.outputs) stays(g.value_name(v));
  for (size_t p = 0; p < frozen.size(); ++p)
    if (!used[p])
      fail(ErrorCode::kInvalidArgument,
           "--freeze {}: the model has no such weight; `*` stands for any characters", frozen[p]);
  return out;
}

/// Mean and variance of every BatchNormalization: they must not be folded into anything.
std::set<ValueId> find_statistics(const Graph& g) {
  std::set<ValueId> out;
  for (const Node& node : g.nodes)
    if (node.op == "BatchNormalization" && node.domain.empty())
      for (size_t i = 3; i < std::min<size_t>(5, node.inputs.size()); ++i) out.insert(node.inputs[i]);
  return out;
}

}  // namespace

std::vector<std::string> trainable_weights(const Graph& graph) {
  std::vector<std::string> names;
  for (ValueId v : dunlin::find_weights(graph)) names.push_back(graph.value_name(v));
  return names;
}

std::vector<std::string> running_statistics(const Graph& graph) {
  std::vector<std::string> names;
  for (ValueId v : find_statistics(graph)) names.push_back(graph.value_name(v));
  return names;
}

bool matches(std::string_view pattern, std::string_view name) {
  // Greedy with one point to fall back to: the last star.
  size_t p = 0, n = 0, star = std::string_view::npos, from = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

/// Batches come in f32, which holds whole numbers to 2^24: a Cast stands between them and an input of token
/// numbers.
void feed_by_floats(Graph& g) {
  const ValueId numbers = g.inputs[0];
  if (!takes_token_numbers(g)) return;
  const Type type = g.type(numbers);
  const std::string name = g.unused_name(g.value_name(numbers) + "/fed");
  g.inputs[0] = g.add_value(name, {.format = &formats::kF32, .shape = type.shape});
  g.nodes.insert(g.nodes.begin(), Node{.op = "Cast",
                                       .domain = "",
                                       .name = name,
                                       .attributes = {{"to", static_cast<int64_t>(type.format->onnx_type)}},
                                       .inputs = {g.inputs[0]},
                                       .outputs = {numbers},
                                       .opset = kNewestOpset});
}

}  // namespace

bool takes_token_numbers(const Graph& g) {
  const Format f = g.type(g.inputs[0]).format;
  return f == &formats::kI64 || f == &formats::kI32;
}

Graph prepare_for_training(const Model& model) {
  Model held = model;
  hold_constants(held);
  Graph g = inline_functions(held);
  check_supported(g);
  if (g.inputs.size() != 1 || g.outputs.empty())
    fail(ErrorCode::kUnsupported, "training feeds one input, the model has {} inputs and {} outputs",
         g.inputs.size(), g.outputs.size());
  feed_by_floats(g);
  Type& x = g.values[static_cast<size_t>(g.inputs[0])].type;
  if (x.format != &formats::kF32 || !x.shape || x.shape->rank() < 2)
    fail(ErrorCode::kUnsupported, "the model's input \"{}\" is {}; f32, i64 or i32 [N, ...] is expected",
         g.value_name(g.inputs[0]), to_string(x));
  untie_initializers(g);
  if ((*x.shape)[0] >= 0) {  // exported for one batch size
    g.symbols.push_back("batch");
    (*x.shape)[0] = -1 - static_cast<int64_t>(g.symbols.size());
  }
  return g;
}

TrainGraph make_train_graph(const Graph& source, const TrainGraphOptions& options) {
  std::vector<ValueId> weights = find_weights(source, options.frozen);
  InferOptions infer;
  infer.variable = find_statistics(source);
  infer.variable.insert(weights.begin(), weights.end());
  Graph g = infer_and_fold(source, infer);
  // What the model is asked is not in the loss's way: only the first output is trained on.
  WithLoss with = append_loss(std::move(g), source.outputs[0], options.loss);
  with.graph.outputs = {with.loss};
  g = infer_and_fold(remove_dead(std::move(with.graph)), infer);
  if (weights.empty())
    fail(ErrorCode::kFailedPrecondition, "nothing to train: the model has no f32 weights{}",
         options.frozen.empty() ? "" : " that are not frozen");
  TrainingGraph training = to_training_mode(
      std::move(g), {.batch_norm = !options.freeze_batch_norm, .variable = {weights.begin(), weights.end()}});
  Differentiated d = differentiate(std::move(training.graph), with.loss, weights);

  TrainGraph out;
  out.form = with.form;
  d.graph.outputs = {with.loss};
  for (size_t i = 0; i < weights.size(); ++i) {
    if (d.gradients[i] == kNoValue) {
      out.untrained.push_back(
          {d.graph.value_name(weights[i]), why_not_reached(d.graph, with.loss, weights[i])});
      continue;
    }
    const auto it = std::find(d.graph.outputs.begin() + 1, d.graph.outputs.end(), d.gradients[i]);
    out.gradient_of.push_back(static_cast<size_t>(it - d.graph.outputs.begin()));
    if (it == d.graph.outputs.end()) d.graph.outputs.push_back(d.gradients[i]);
    out.weights.push_back(d.graph.value_name(weights[i]));
  }
  if (out.weights.empty())
    fail(ErrorCode::kFailedPrecondition,
         "nothing to train: no gradient of the loss comes to a weight; \"{}\": {}", out.untrained[0].weight,
         out.untrained[0].why);
  for (const RunningStatistic& r : training.running) {
    d.graph.outputs.push_back(r.updated);
    out.statistics.push_back(d.graph.value_name(r.stored));
  }
  out.graph = std::make_shared<const Graph>(remove_dead(std::move(d.graph)));
  return out;
}

EvaluateGraph make_evaluate_graph(const Graph& source, const std::string& loss) {
  WithLoss with = append_loss(infer_and_fold(source), source.outputs[0], loss);
  with.graph.outputs = {with.loss, source.outputs[0]};
  return {std::make_shared<const Graph>(remove_dead(infer_and_fold(std::move(with.graph)))), with.form};
}

}  // namespace dunlin
