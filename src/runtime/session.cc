#include "dunlin/session.h"

#include <algorithm>

#include "base/error.h"
#include "graph/onnx/import.h"
#include "graph/passes/inline_functions.h"
#include "graph/support.h"
#include "runtime/runner.h"

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
    out.push_back({g.value_name(v), t.format, t.shape.value_or(Shape{}), t.shape.has_value(),
                   t.kind == Type::Kind::kSequence, t.optional});
  }
  return out;
}

std::string names(const std::vector<ValueInfo>& values) {
  std::string text;
  for (const ValueInfo& v : values) text += (text.empty() ? "\"" : ", \"") + v.name + "\"";
  return text.empty() ? "none" : text;
}

std::string kind_text(const ValueInfo& info) {
  const std::string kind = info.sequence ? "a sequence of tensors" : "a tensor";
  return info.optional ? "optional, " + kind : kind;
}

void check_input(const ValueInfo& info, const RunValue& v) {
  const bool fits = v.is_nothing() ? info.optional : v.is_sequence() == info.sequence;
  if (!fits)
    fail(ErrorCode::kInvalidArgument, "input \"{}\": {} is expected, got {}", info.name, kind_text(info),
         v.is_nothing()    ? "no tensor"
         : v.is_sequence() ? "a sequence"
                           : "a tensor");
  const auto check_format = [&](Format format) {
    if (format != info.format)
      fail(ErrorCode::kInvalidArgument, "input \"{}\": elements of type {} are expected, got {}", info.name,
           info.format ? info.format->name : "?", format ? format->name : "no tensor");
  };
  if (v.is_tensor()) check_format(v.format());
  if (v.is_sequence())
    for (const auto& t : v.elements()) check_format(t->format());
}

void check_options(const SessionOptions& options) {
  if (!(options.max_run_seconds > 0))
    fail(ErrorCode::kInvalidArgument, "SessionOptions::max_run_seconds is {}, a number above 0 is expected",
         options.max_run_seconds);
  if (options.compute != "f32" && options.compute != "bf16")
    fail(ErrorCode::kInvalidArgument,
         "SessionOptions::compute is \"{}\", one of these is expected: f32, bf16", options.compute);
  if (options.num_threads < 0)
    fail(ErrorCode::kInvalidArgument, "SessionOptions::num_threads is {}, 0 or more is expected",
         options.num_threads);
}

/// 0: no other limit.
ModelLimits lowered(ModelLimits limits, uint64_t max_bytes) {
  if (max_bytes > 0) limits.max_model_bytes = std::min(limits.max_model_bytes, max_bytes);
  return limits;
}

/// What sessions of one model share.
struct Shared {
  std::shared_ptr<PlanCache> plans;
  SessionOptions options;
  std::vector<std::string> variable_names;
  std::vector<std::pair<size_t, size_t>> updates;  // output, variable
  std::vector<ValueInfo> inputs, outputs, returned;
};

}  // namespace

struct Session::State {
  std::shared_ptr<Shared> shared;
  std::shared_ptr<ThreadPool> pool;
  std::shared_ptr<const void> variables_held;  // see PackedCache::hold()
  std::vector<Tensor> variables;
  std::unique_ptr<Runner> runner;

  const Graph& graph() const { return shared->plans->graph(); }

  /// From here on they are this session's own; counted before they are copied.
  void own_variables() {
    uint64_t bytes = 0;
    for (const Tensor& t : variables) bytes += t.num_bytes();
    variables_held = shared->plans->options().packed->hold(bytes);
    for (Tensor& t : variables) t = t.clone();
  }

  /// `shape_of(i)` is null where input i is no tensor.
  template <typename ShapeOf>
  void check_shapes(const ShapeOf& shape_of) const {
    std::map<int64_t, std::pair<int64_t, std::string>> symbols;
    for (size_t i = 0; i < shared->inputs.size(); ++i) {
      const ValueInfo& info = shared->inputs[i];
      if (!info.rank_known || !shape_of(i)) continue;
      const Shape& s = *shape_of(i);
      bool fits = s.rank() == info.shape.rank();
      for (int d = 0; fits && d < s.rank(); ++d) fits = info.shape[d] < 0 || info.shape[d] == s[d];
      if (!fits)
        fail(ErrorCode::kInvalidArgument, "input \"{}\": shape {} is expected, got {}", info.name,
             dims_text(graph(), info.shape), to_string(s));
      for (int d = 0; d < s.rank(); ++d) {
        if (info.shape[d] > -2) continue;
        const auto [it, first] = symbols.try_emplace(info.shape[d], s[d], info.name);
        if (!first && it->second.first != s[d])
          fail(ErrorCode::kInvalidArgument,
               "input \"{}\": dimension {} ({}) is {}, but it is {} in input \"{}\"", info.name, d,
               graph().symbols[static_cast<size_t>(-2 - info.shape[d])], s[d], it->second.first,
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
  check_options(options);
  auto shared = std::make_shared<Shared>();
  const int threads = options.num_threads == 0 ? default_num_threads() : options.num_threads;
  state_->pool = options.pool ? options.pool : std::make_shared<ThreadPool>(threads);
  PlanOptions plan;
  plan.isa = options.isa.empty() ? best_isa() : isa_from_string(options.isa);
  plan.bf16 = options.compute == "bf16";
  plan.num_threads = state_->pool->size();
  plan.max_bytes = options.max_run_bytes > 0 ? options.max_run_bytes : usable_memory_bytes();
  plan.max_plans = options.max_plans;
  plan.max_total_bytes = lowered(options.limits, options.max_bytes).max_model_bytes;
  plan.folding = options.limits.folding;
  plan.winograd = options.winograd;
  const auto find = [&](const std::string& name) {
    const ValueId v = graph->find(name);
    if (v == kNoValue || !graph->initializer(v))
      fail(ErrorCode::kInvalidArgument, "variable \"{}\": the graph has no initialiser of that name", name);
    return v;
  };
  for (const std::string& name : options.variables) {
    const ValueId v = find(name);
    plan.variables.push_back(v);
    state_->variables.push_back(graph->initializer(v)->view());
  }
  shared->variable_names = options.variables;
  shared->plans = std::make_shared<PlanCache>(*graph, std::move(plan));
  const Graph& g = shared->plans->graph();
  shared->inputs = infos(g, g.inputs);
  shared->outputs = infos(g, g.outputs);
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
  state_->runner = std::make_unique<Runner>(shared->plans);
  state_->shared = std::move(shared);
  state_->own_variables();
}

Session Session::load(const std::filesystem::path& path, SessionOptions options) {
  check_options(options);
  const ModelLimits limits = lowered(options.limits, options.max_bytes);
  auto graph = std::make_shared<const Graph>(inline_functions(load_onnx(path.string(), limits), limits));
  check_supported(*graph);  // all that is missing at once, before anything is planned
  return Session(std::move(graph), std::move(options));
}

Session Session::another() const {
  auto state = std::make_unique<State>();
  state->shared = state_->shared;
  state->pool = state_->shared->options.pool ? state_->shared->options.pool
                                             : std::make_shared<ThreadPool>(state_->pool->size());
  for (const Tensor& t : state_->variables) state->variables.push_back(t.view());
  state->own_variables();
  state->runner = std::make_unique<Runner>(state->shared->plans);
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
  std::vector<RunValue> values;
  for (const Tensor& t : inputs) values.emplace_back(t.view());
  const std::vector<ValueInfo>& infos = outputs();
  for (const ValueInfo& info : infos)
    if (info.sequence || info.optional)
      fail(ErrorCode::kInvalidArgument, "output \"{}\" is {}: run_values() gives it", info.name,
           kind_text(info));
  std::vector<Tensor> results;
  for (RunValue& v : run_values(std::move(values), context)) results.push_back(std::move(v.tensor()));
  return results;
}

std::vector<RunValue> Session::run_values(std::vector<RunValue> inputs, const RunContext& context) {
  State& st = *state_;
  const Shared& shared = *st.shared;
  if (inputs.size() != shared.inputs.size())
    fail(ErrorCode::kInvalidArgument, "{} inputs are given, {} are expected: {}", inputs.size(),
         shared.inputs.size(), names(shared.inputs));
  for (size_t i = 0; i < inputs.size(); ++i) check_input(shared.inputs[i], inputs[i]);
  st.check_shapes([&](size_t i) { return inputs[i].is_tensor() ? &inputs[i].tensor().shape() : nullptr; });
  RunContext counted = context;
  uint64_t iterations = context.max_iterations;
  const Deadline deadline(shared.options.max_run_seconds);
  if (!counted.iterations_left) counted.iterations_left = &iterations;
  std::vector<RunValue> results =
      st.runner->run(std::move(inputs), st.variables, *st.pool, counted, deadline, shared.options.profile);
  st.runner->release_bodies();
  if (shared.updates.empty()) return results;
  for (const auto& [output, variable] : shared.updates) {
    Tensor& to = st.variables[variable];
    const Tensor& from = results[output].tensor();
    if (from.shape() != to.shape() || from.format() != to.format())
      fail(ErrorCode::kInvalidArgument, "output \"{}\" is {}{}, variable \"{}\" is {}{}",
           shared.outputs[output].name, from.format()->name, to_string(from.shape()),
           shared.variable_names[variable], to.format()->name, to_string(to.shape()));
    std::ranges::copy(from.plane(Plane::kPayload), to.plane(Plane::kPayload).begin());
  }
  std::vector<RunValue> returned;
  for (size_t k = 0; k < results.size(); ++k)
    if (std::none_of(shared.updates.begin(), shared.updates.end(), [&](auto& u) { return u.first == k; }))
      returned.push_back(std::move(results[k]));
  return returned;
}

std::string Session::explain(const std::map<std::string, Shape>& input_shapes) {
  std::vector<Type> types;
  for (const ValueInfo& info : inputs()) {
    const auto it = input_shapes.find(info.name);
    types.push_back({.format = info.format, .shape = {}});
    if (info.sequence || info.optional) {
      types.back() = {.kind = info.sequence ? Type::Kind::kSequence : Type::Kind::kTensor,
                      .format = info.format,
                      .shape = {},
                      .optional = info.optional};
      continue;
    }
    types.back().shape = it == input_shapes.end() ? info.shape : it->second;
    if (!types.back().shape->known() || (it == input_shapes.end() && !info.rank_known))
      fail(ErrorCode::kInvalidArgument, "input \"{}\" is declared as {}: give its shape", info.name,
           info.rank_known ? dims_text(state_->graph(), info.shape) : "of unknown rank");
  }
  for (const auto& [name, shape] : input_shapes)
    if (std::none_of(inputs().begin(), inputs().end(), [&](auto& i) { return i.name == name; }))
      fail(ErrorCode::kInvalidArgument, "there is no input \"{}\"; the inputs are {}", name, names(inputs()));
  state_->check_shapes([&](size_t i) { return types[i].shape ? &*types[i].shape : nullptr; });
  Execution& execution = state_->runner->execution_for(types);
  return describe(execution.plan(), execution.step_ms());
}

}  // namespace dunlin
