#include "dunlin/session.h"

#include <algorithm>
#include <list>
#include <mutex>

#include "base/error.h"
#include "graph/infer.h"
#include "graph/onnx/import.h"
#include "graph/passes/fold_batch_norm.h"
#include "graph/passes/inline_functions.h"
#include "graph/passes/merge_equal.h"
#include "graph/passes/recognize_activations.h"
#include "graph/support.h"
#include "runtime/execution.h"

namespace dunlin {

namespace {

std::string dims_text(const Graph& g, const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) text += ",";
    const int64_t d = shape[i];
    if (d >= 0)
      text += std::to_string(d);
    else if (d <= -2 && static_cast<size_t>(-2 - d) < g.symbols.size())
      text += g.symbols[static_cast<size_t>(-2 - d)];
    else
      text += "?";
  }
  return text + "]";
}

std::vector<ValueInfo> infos(const Graph& g, const std::vector<ValueId>& values) {
  std::vector<ValueInfo> out;
  for (ValueId v : values) {
    const Type& t = g.type(v);
    out.push_back({g.value_name(v), t.format, t.shape.value_or(Shape{}), t.shape.has_value()});
  }
  return out;
}

std::string names(const std::vector<ValueInfo>& values) {
  std::string text;
  for (const ValueInfo& v : values) text += (text.empty() ? "\"" : ", \"") + v.name + "\"";
  return text.empty() ? "none" : text;
}

/// What sessions of one model share.
struct Shared {
  Graph graph;
  SessionOptions options;
  PlanOptions plan_options;
  std::vector<std::string> variable_names;
  std::vector<std::pair<size_t, size_t>> updates;  // output, variable
  std::vector<ValueInfo> inputs, outputs, returned;
  PackedCache packed;

  std::mutex mutex;
  std::list<std::pair<std::string, std::shared_ptr<const Plan>>> plans;  // the last used first

  std::shared_ptr<const Plan> plan_for(const std::string& key, const std::vector<Shape>& shapes) {
    std::lock_guard lock(mutex);
    for (auto it = plans.begin(); it != plans.end(); ++it)
      if (it->first == key) {
        plans.splice(plans.begin(), plans, it);
        return plans.front().second;
      }
    std::map<std::string, Shape, std::less<>> named;
    for (size_t i = 0; i < shapes.size(); ++i) named[inputs[i].name] = shapes[i];
    auto plan = make_plan(graph, named, plan_options, packed);
    plans.emplace_front(key, plan);
    while (plans.size() > std::max<size_t>(options.max_plans, 1)) plans.pop_back();
    return plan;
  }
};

}  // namespace

struct Session::State {
  std::shared_ptr<Shared> shared;
  std::shared_ptr<ThreadPool> pool;
  std::vector<Tensor> variables;
  std::vector<OutputMemory> output_memory;
  ArenaMemory arena;
  std::list<std::pair<std::string, Execution>> executions;  // the last used first

  Execution& execution_for(const std::vector<Shape>& shapes) {
    std::string key;
    for (const Shape& s : shapes) key += to_string(s);
    for (auto it = executions.begin(); it != executions.end(); ++it)
      if (it->first == key) {
        executions.splice(executions.begin(), executions, it);
        return executions.front().second;
      }
    executions.emplace_front(key, Execution(shared->plan_for(key, shapes)));
    while (executions.size() > std::max<size_t>(shared->options.max_plans, 1)) executions.pop_back();
    return executions.front().second;
  }

  void check_shapes(const std::vector<Shape>& shapes) const {
    std::map<int64_t, std::pair<int64_t, std::string>> symbols;
    for (size_t i = 0; i < shapes.size(); ++i) {
      const ValueInfo& info = shared->inputs[i];
      if (!info.rank_known) continue;
      const Shape& s = shapes[i];
      bool fits = s.rank() == info.shape.rank();
      for (int d = 0; fits && d < s.rank(); ++d) fits = info.shape[d] < 0 || info.shape[d] == s[d];
      if (!fits)
        fail(ErrorCode::kInvalidArgument, "input \"{}\": shape {} is expected, got {}", info.name,
             dims_text(shared->graph, info.shape), to_string(s));
      for (int d = 0; d < s.rank(); ++d) {
        if (info.shape[d] > -2) continue;
        const auto [it, first] = symbols.try_emplace(info.shape[d], s[d], info.name);
        if (!first && it->second.first != s[d])
          fail(ErrorCode::kInvalidArgument,
               "input \"{}\": dimension {} ({}) is {}, but it is {} in input \"{}\"", info.name, d,
               shared->graph.symbols[static_cast<size_t>(-2 - info.shape[d])], s[d], it->second.first,
               it->second.second);
      }
    }
  }
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Session::Session(std::shared_ptr<const Graph> graph, SessionOptions options)
    : state_(std::make_unique<State>()) {
  auto shared = std::make_shared<Shared>();
  const int threads = options.num_threads == 0 ? default_num_threads() : options.num_threads;
  state_->pool = options.pool ? options.pool : std::make_shared<ThreadPool>(threads);
  shared->plan_options.isa = options.isa.empty() ? best_isa() : isa_from_string(options.isa);
  shared->plan_options.num_threads = state_->pool->size();
  shared->plan_options.max_bytes = options.max_run_bytes > 0 ? options.max_run_bytes : usable_memory_bytes();
  InferOptions infer;
  const auto find = [&](const std::string& name) {
    const ValueId v = graph->find(name);
    if (v == kNoValue || !graph->initializer(v))
      fail(ErrorCode::kInvalidArgument, "variable \"{}\": the graph has no initialiser of that name", name);
    return v;
  };
  for (const std::string& name : options.variables) {
    const ValueId v = find(name);
    shared->plan_options.variables.push_back(v);
    infer.variable.insert(v);
    state_->variables.push_back(graph->initializer(v)->clone());
  }
  shared->variable_names = options.variables;
  Graph g = merge_equal_nodes(infer_and_fold(*graph, infer));
  g = recognize_activations(fold_batch_norm(std::move(g), infer.variable), infer.variable);
  // New nodes and values get their types.
  shared->graph = infer_and_fold(std::move(g), infer);
  shared->inputs = infos(shared->graph, shared->graph.inputs);
  shared->outputs = infos(shared->graph, shared->graph.outputs);
  for (const auto& [output, variable] : options.updates) {
    const auto o = std::find_if(shared->outputs.begin(), shared->outputs.end(),
                                [&](const ValueInfo& i) { return i.name == output; });
    const auto v = std::find(options.variables.begin(), options.variables.end(), variable);
    if (o == shared->outputs.end() || v == options.variables.end())
      fail(ErrorCode::kInvalidArgument, "update of variable \"{}\" by output \"{}\": there is no such {}",
           variable, output, o == shared->outputs.end() ? "output" : "variable");
    shared->updates.emplace_back(o - shared->outputs.begin(), v - options.variables.begin());
  }
  for (size_t k = 0; k < shared->outputs.size(); ++k)
    if (std::none_of(shared->updates.begin(), shared->updates.end(), [&](auto& u) { return u.first == k; }))
      shared->returned.push_back(shared->outputs[k]);
  shared->options = std::move(options);
  state_->output_memory.resize(shared->outputs.size());
  state_->shared = std::move(shared);
}

Session Session::load(const std::filesystem::path& path, SessionOptions options) {
  auto graph = std::make_shared<const Graph>(inline_functions(load_onnx(path.string())));
  check_supported(*graph);  // all that is missing at once, before anything is planned
  return Session(std::move(graph), std::move(options));
}

Session Session::another() const {
  auto state = std::make_unique<State>();
  state->shared = state_->shared;
  state->pool = state_->shared->options.pool ? state_->shared->options.pool
                                             : std::make_shared<ThreadPool>(state_->pool->size());
  for (const Tensor& t : state_->variables) state->variables.push_back(t.clone());
  state->output_memory.resize(state_->output_memory.size());
  return Session(std::move(state));
}

const std::vector<ValueInfo>& Session::inputs() const { return state_->shared->inputs; }
const std::vector<ValueInfo>& Session::outputs() const { return state_->shared->returned; }

Tensor& Session::variable(std::string_view name) {
  const auto& all = state_->shared->variable_names;
  const auto it = std::find(all.begin(), all.end(), name);
  if (it == all.end()) fail(ErrorCode::kInvalidArgument, "\"{}\" is not a variable of this session", name);
  return state_->variables[static_cast<size_t>(it - all.begin())];
}

std::vector<Tensor> Session::run(const std::map<std::string, Tensor>& inputs, const RunContext& context) {
  std::vector<Tensor> ordered;
  for (const ValueInfo& info : this->inputs()) {
    const auto it = inputs.find(info.name);
    if (it == inputs.end())
      fail(ErrorCode::kInvalidArgument, "input \"{}\" is missing; the inputs are {}", info.name,
           names(this->inputs()));
    ordered.push_back(it->second.view());
  }
  for (const auto& [name, tensor] : inputs)
    if (std::none_of(this->inputs().begin(), this->inputs().end(), [&](auto& i) { return i.name == name; }))
      fail(ErrorCode::kInvalidArgument, "there is no input \"{}\"; the inputs are {}", name,
           names(this->inputs()));
  return run(ordered, context);
}

std::vector<Tensor> Session::run(std::span<const Tensor> inputs, const RunContext& context) {
  State& st = *state_;
  const Shared& shared = *st.shared;
  if (inputs.size() != shared.inputs.size())
    fail(ErrorCode::kInvalidArgument, "{} inputs are given, {} are expected: {}", inputs.size(),
         shared.inputs.size(), names(shared.inputs));
  std::vector<Shape> shapes;
  std::vector<Tensor> dense;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueInfo& info = shared.inputs[i];
    if (inputs[i].format() != info.format)
      fail(ErrorCode::kInvalidArgument, "input \"{}\": elements of type {} are expected, got {}", info.name,
           info.format ? info.format->name : "?", inputs[i] ? inputs[i].format()->name : "no tensor");
    shapes.push_back(inputs[i].shape());
    dense.push_back(inputs[i].is_row_major() ? inputs[i].view() : inputs[i].clone());
  }
  st.check_shapes(shapes);
  Execution& execution = st.execution_for(shapes);
  RunContext limited = context;
  limited.max_bytes =
      std::min(context.max_bytes,
               shared.plan_options.max_bytes - execution.plan().arena_bytes - execution.plan().output_bytes);
  std::vector<Tensor> results = execution.run(dense, st.variables, st.output_memory, st.arena, *st.pool,
                                              limited, shared.options.profile);
  for (const auto& [output, variable] : shared.updates) {
    Tensor& to = st.variables[variable];
    if (results[output].shape() != to.shape() || results[output].format() != to.format())
      fail(ErrorCode::kInvalidArgument, "output \"{}\" is {}{}, variable \"{}\" is {}{}",
           shared.outputs[output].name, results[output].format()->name, to_string(results[output].shape()),
           shared.variable_names[variable], to.format()->name, to_string(to.shape()));
    const auto from = std::as_const(results[output]).plane(Plane::kPayload);
    std::copy(from.begin(), from.end(), to.plane(Plane::kPayload).begin());
  }
  if (shared.updates.empty()) return results;
  std::vector<Tensor> returned;
  for (size_t k = 0; k < results.size(); ++k)
    if (std::none_of(shared.updates.begin(), shared.updates.end(), [&](auto& u) { return u.first == k; }))
      returned.push_back(std::move(results[k]));
  return returned;
}

std::string Session::explain(const std::map<std::string, Shape>& input_shapes) {
  std::vector<Shape> shapes;
  for (const ValueInfo& info : inputs()) {
    const auto it = input_shapes.find(info.name);
    shapes.push_back(it == input_shapes.end() ? info.shape : it->second);
    if (!shapes.back().known() || (it == input_shapes.end() && !info.rank_known))
      fail(ErrorCode::kInvalidArgument, "input \"{}\" is declared as {}: give its shape", info.name,
           info.rank_known ? dims_text(state_->shared->graph, info.shape) : "of unknown rank");
  }
  for (const auto& [name, shape] : input_shapes)
    if (std::none_of(inputs().begin(), inputs().end(), [&](auto& i) { return i.name == name; }))
      fail(ErrorCode::kInvalidArgument, "there is no input \"{}\"; the inputs are {}", name, names(inputs()));
  state_->check_shapes(shapes);
  Execution& execution = state_->execution_for(shapes);
  return describe(execution.plan(), execution.step_ms());
}

}  // namespace dunlin
