#include "runtime/runner.h"

#include <algorithm>

#include "base/error.h"
#include "graph/graph_bytes.h"
#include "graph/infer.h"
#include "graph/passes/simplify.h"

namespace dunlin {

PlanCache::PlanCache(const Graph& graph, PlanOptions options) : options_(std::move(options)) {
  InferOptions infer;
  infer.variable = {options_.variables.begin(), options_.variables.end()};
  std::shared_ptr<const void> read;  // a model as it was read goes once it is ready, a subgraph is its node's
  if (!options_.packed) {
    options_.packed = std::make_shared<PackedCache>(options_.max_total_bytes);
    read = options_.packed->hold(bytes_of(graph) + bytes_of_tensors(graph));
  }
  infer.folding = options_.folding;
  infer.folding.max_bytes = std::min(infer.folding.max_bytes, options_.packed->bytes_to_fold());
  Graph g = graph;
  // Nothing holds the elements of a sequence to the shape that a file claims.
  for (ValueId v : g.inputs)
    if (Type& type = g.values[static_cast<size_t>(v)].type; !type.is_tensor()) type.shape.reset();
  infer.fold_dequantized = options_.reference_only;
  g = infer_and_fold(std::move(g), infer);
  infer.fold_dequantized = true;
  // New nodes and values get their types.
  if (!options_.reference_only) g = infer_and_fold(simplify(std::move(g), infer.variable), infer);
  graph_ = std::move(g);
  const uint64_t bytes =
      read ? bytes_of(graph_) + bytes_of_tensors(graph_) : bytes_of_tensors(graph_, tensors_of(graph));
  read.reset();
  held_ = options_.packed->hold(bytes);
}

std::shared_ptr<const Plan> PlanCache::plan_for(const std::string& key, std::span<const Type> inputs) {
  std::lock_guard lock(mutex_);
  for (auto it = plans_.begin(); it != plans_.end(); ++it)
    if (it->first == key) {
      plans_.splice(plans_.begin(), plans_, it);
      return plans_.front().second;
    }
  Graph g = graph_;
  for (size_t i = 0; i < inputs.size(); ++i) g.values[static_cast<size_t>(g.inputs[i])].type = inputs[i];
  auto plan = make_plan(std::move(g), options_);
  plans_.emplace_front(key, plan);
  while (plans_.size() > std::max<size_t>(options_.max_plans, 1)) plans_.pop_back();
  return plan;
}

Execution& Runner::execution_for(std::span<const Type> inputs) {
  std::string key;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Type& t = inputs[i];
    // The format is the graph's own wherever that has one.
    if (!t.is_tensor() || plans_->graph().type(plans_->graph().inputs[i]).format == nullptr)
      key += to_string(t);
    else
      key += to_string(*t.shape);
  }
  for (auto it = executions_.begin(); it != executions_.end(); ++it)
    if (it->first == key) {
      executions_.splice(executions_.begin(), executions_, it);
      return executions_.front().second;
    }
  executions_.emplace_front(key, Execution(plans_->plan_for(key, inputs)));
  while (executions_.size() > std::max<size_t>(plans_->options().max_plans, 1)) executions_.pop_back();
  return executions_.front().second;
}

std::vector<RunValue> Runner::run(std::vector<RunValue> inputs, std::span<const Tensor> variables,
                                  ThreadPool& pool, const RunContext& context, const Deadline& deadline,
                                  bool profile) {
  const Graph& g = plans_->graph();
  std::vector<Type> types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    RunValue& v = inputs[i];
    const Type& declared = g.type(g.inputs[i]);
    Type& type = types.emplace_back();
    type.format = v.format() ? v.format() : declared.format;
    if (v.is_tensor())
      type.shape = v.tensor().shape();
    else
      type.kind = v.is_sequence() ? Type::Kind::kSequence : declared.kind;
    type.optional = v.is_nothing();
    if (v.is_tensor() && !v.tensor().is_row_major()) v = v.clone();
  }
  Execution& execution = execution_for(types);
  for (auto& [key, other] : executions_)
    if (&other != &execution) other.release_bodies();
  const uint64_t needed = execution.plan().arena_bytes + execution.plan().output_bytes;
  RunContext limited = context;
  limited.max_bytes =
      std::min({context.max_bytes, plans_->options().max_bytes, plans_->options().packed->bytes_left()});
  if (needed > limited.max_bytes)
    fail(ErrorCode::kResourceExhausted, "graph \"{}\": needs {} bytes, {} are left for this run", g.name,
         needed, limited.max_bytes);
  limited.max_bytes -= needed;
  return execution.run(inputs, variables, outputs_, arena_, pool, limited, deadline, profile);
}

uint64_t Runner::kept_bytes() const {
  uint64_t bytes = arena_.bytes();
  for (const OutputMemory& o : outputs_) bytes += o.bytes();
  for (const auto& [key, execution] : executions_) bytes += execution.kept_bytes();
  return bytes;
}

void Runner::release_bodies() {
  for (auto& [key, execution] : executions_) execution.release_bodies();
}

void Runner::release() {
  release_bodies();
  constexpr uint64_t kLittle = 4096;
  if (arena_.bytes() > kLittle) arena_ = ArenaMemory();
  for (OutputMemory& o : outputs_)
    if (o.bytes() > kLittle) o = OutputMemory();
}

}  // namespace dunlin
