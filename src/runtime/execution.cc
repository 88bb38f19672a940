#include "runtime/execution.h"

#include <algorithm>
#include <new>

#include "base/clock.h"
#include "base/error.h"
#include "runtime/runner.h"

namespace dunlin {

namespace {

size_t at(int i) { return static_cast<size_t>(i); }

/// All subgraphs together keep at most that part of what a run may use: 128 MiB of 8 GiB.
constexpr uint64_t kKeptPart = 64;

}  // namespace

void Deadline::check(const Step& step) const {
  // More than any machine does, with a kernel and by the scalar reference.
  constexpr double kMacsPerSecond = 1e13, kReferenceMacsPerSecond = 1e10;
  const double left = at_ - monotonic_seconds();
  if (left <= 0)
    fail(ErrorCode::kResourceExhausted, "{}: the run has taken the {} seconds that it may", step.node,
         seconds_);
  const auto macs = static_cast<double>(step.macs);
  if (macs > left * kReferenceMacsPerSecond && (macs > left * kMacsPerSecond || step.kernel == "reference"))
    fail(ErrorCode::kResourceExhausted,
         "{}: needs {} multiply-accumulates, too many for the {} seconds that a run may take", step.node,
         step.macs, seconds_);
}

Tensor OutputMemory::take(const Type& type) {
  if (!memory_ || memory_.use_count() > 1) memory_ = std::make_shared<ArenaMemory>();
  const uint64_t bytes =
      static_cast<uint64_t>(type.shape->num_elements()) * static_cast<uint64_t>(element_bytes(type.format));
  std::byte* data = memory_->reserve(bytes);
  return Tensor::over(type.format, *type.shape, row_major_strides(*type.shape), data, memory_);
}

Execution::Execution(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)),
      values_(plan_->operands.size()),
      shares_(plan_->operands.size()),
      bound_(plan_->operands.size(), nullptr) {
  for (size_t id = 0; id < plan_->operands.size(); ++id) {
    const Operand& o = plan_->operands[id];
    if (o.planned()) shares_[at(o.root)].push_back(static_cast<int>(id));
    if (!o.planned() || plan_->operands[at(o.root)].home != Operand::Home::kConstant) continue;
    if (o.root == static_cast<int>(id))
      values_[id].tensor() = o.constant->view();
    else  // a view; its root has a smaller number
      bind(static_cast<int>(id), values_[at(o.root)].tensor().plane(Plane::kPayload).data());
  }
  for (const Step& step : plan_->steps) {
    std::vector<const RunValue*> in;
    for (int id : step.in) in.push_back(id < 0 ? nullptr : &values_[at(id)]);
    std::vector<RunValue*> out;
    for (int id : step.out) out.push_back(id < 0 ? nullptr : &values_[at(id)]);
    std::vector<const Tensor*>& in_tensors = in_args_.emplace_back();
    for (const RunValue* v : in) in_tensors.push_back(v ? &v->tensor() : nullptr);
    std::vector<Tensor*>& out_tensors = out_args_.emplace_back();
    for (RunValue* v : out) out_tensors.push_back(v ? &v->tensor() : nullptr);
    in_values_.push_back(std::move(in));
    out_values_.push_back(std::move(out));
    bodies_.emplace_back();
    for (const StepBody& body : step.bodies) bodies_.back().push_back(std::make_unique<Runner>(body.plans));
  }
  seconds_.assign(plan_->steps.size(), 0.0);
  kept_.assign(plan_->steps.size(), 0);
}

/// Subgraphs keep a little memory for their next run, an iteration later perhaps. It counts against what is left of
/// this run, but for the step that runs them.
class Execution::Lent {
 public:
  Lent(Execution& e, size_t step, RunContext& left) : e_(e), step_(step), left_(left) {
    left_.max_bytes += e_.kept_[step_];
    e_.kept_total_ -= e_.kept_[step_];
    e_.kept_[step_] = 0;
  }
  Lent(const Lent&) = delete;
  ~Lent() {
    uint64_t bytes = 0;
    for (const auto& body : e_.bodies_[step_]) bytes += body->kept_bytes();
    if (bytes + e_.kept_total_ > (left_.max_bytes + e_.kept_total_) / kKeptPart) {
      for (const auto& body : e_.bodies_[step_]) body->release();
      return;
    }
    e_.kept_[step_] = bytes;
    e_.kept_total_ += bytes;
    left_.max_bytes -= bytes;
  }

 private:
  Execution& e_;
  size_t step_;
  RunContext& left_;
};

void Execution::bind(int operand, std::byte* data) {
  const Operand& o = plan_->operands[at(operand)];
  values_[at(operand)].tensor() =
      Tensor::over(o.type.format, o.shape(), strides_of(o.layout, o.shape()), data);
}

void Execution::bind_roots(std::span<const RunValue> inputs, std::span<const Tensor> variables,
                           ArenaMemory& arena) {
  std::byte* base = arena.reserve(plan_->arena_bytes);
  for (size_t id = 0; id < plan_->operands.size(); ++id) {
    const Operand& o = plan_->operands[id];
    if (o.root != static_cast<int>(id)) continue;
    std::byte* data = nullptr;
    if (o.home == Operand::Home::kRunTime && o.index >= 0) values_[id] = inputs[at(o.index)].view();
    if (o.home == Operand::Home::kRunTime && o.constant) values_[id] = o.constant->view();
    // Inputs and variables are only read: no step writes to an operand with such a root.
    if (o.home == Operand::Home::kInput)
      data = const_cast<std::byte*>(inputs[at(o.index)].tensor().plane(Plane::kPayload).data());
    else if (o.home == Operand::Home::kVariable)
      data = const_cast<std::byte*>(variables[at(o.index)].plane(Plane::kPayload).data());
    else if (o.home == Operand::Home::kArena)
      data = base + plan_->blocks[at(o.block)].offset;
    else
      continue;
    if (bound_[id] == data && values_[id].is_tensor()) continue;
    bound_[id] = data;
    for (int share : shares_[id]) bind(share, data);
  }
}

/// Takes what the step allocated itself from what may be used.
void Execution::count_run_time_bytes(const Step& step, RunContext& left) const {
  uint64_t shared = 0;  // a sequence holds on to the tensors of those that it was made from
  for (int id : step.in)
    if (id >= 0 && values_[at(id)].is_sequence()) shared += values_[at(id)].num_bytes();
  for (int id : step.out) {
    if (id < 0 || plan_->operands[at(id)].planned()) continue;
    uint64_t bytes = values_[at(id)].num_bytes();
    if (values_[at(id)].is_sequence()) bytes -= std::min(bytes, shared);
    if (bytes > left.max_bytes)
      fail(ErrorCode::kResourceExhausted, "{}: its output \"{}\" takes {} bytes, {} are left for this run",
           step.node, plan_->operands[at(id)].name, bytes, left.max_bytes);
    left.max_bytes -= bytes;
  }
}

std::vector<RunValue> Execution::run_body(size_t step, const Body& body, std::vector<RunValue> inputs,
                                          ThreadPool& pool, const RunContext& context,
                                          const Deadline& deadline) {
  const std::vector<bool>& bound = plan_->steps[step].bodies[body.index].bound;
  std::vector<RunValue> open;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (i >= bound.size() || !bound[i]) open.push_back(std::move(inputs[i]));
  return bodies_[step][body.index]->run(std::move(open), {}, pool, context, deadline, false);
}

std::vector<RunValue> Execution::run(std::span<const RunValue> inputs, std::span<const Tensor> variables,
                                     std::span<OutputMemory> outputs, ArenaMemory& arena, ThreadPool& pool,
                                     const RunContext& context, const Deadline& deadline, bool profile) {
  bind_roots(inputs, variables, arena);
  std::vector<RunValue> results(plan_->outputs.size());
  for (size_t k = 0; k < results.size(); ++k) {
    const Operand& o = plan_->operands[at(plan_->outputs[k])];
    if (!o.planned()) continue;
    results[k] = outputs[k].take(o.type);
    std::byte* data = results[k].tensor().plane(Plane::kPayload).data();
    if (bound_[at(o.root)] == data && values_[at(o.root)].is_tensor()) continue;
    bound_[at(o.root)] = data;
    for (int share : shares_[at(o.root)]) bind(share, data);
  }
  std::byte* base = arena.reserve(plan_->arena_bytes);
  RunContext left = context;
  if (kept_bytes() > left.max_bytes / kKeptPart) release_bodies();
  left.max_bytes -= std::min(left.max_bytes, kept_bytes());
  size_t running = 0;
  const auto run_step_body = [&](const Body& body, std::vector<RunValue> in, const RunContext& inner) {
    return run_body(running, body, std::move(in), pool, inner, deadline);
  };
  const BodyRunner bodies = std::ref(run_step_body);
  double before = profile ? monotonic_seconds() : 0;
  for (size_t s = 0; s < plan_->steps.size(); ++s) {
    const Step& step = plan_->steps[s];
    if (!step.view) {
      std::byte* scratch =
          step.scratch_block < 0 ? nullptr : base + plan_->blocks[at(step.scratch_block)].offset;
      running = s;
      deadline.check(step);
      try {
        const Lent lent(*this, s, left);
        step.run({in_args_[s], out_args_[s], scratch, pool, left, in_values_[s], out_values_[s], bodies});
      } catch (const std::bad_alloc&) {
        fail(ErrorCode::kResourceExhausted, "{}: there is not enough memory for it", step.node);
      }
      count_run_time_bytes(step, left);
    }
    if (profile) {
      const double now = monotonic_seconds();
      seconds_[s] += now - before;
      before = now;
    }
  }
  if (profile) ++profiled_;
  for (size_t k = 0; k < results.size(); ++k)
    if (!plan_->operands[at(plan_->outputs[k])].planned())
      results[k] = values_[at(plan_->outputs[k])].clone();
  for (size_t id = 0; id < values_.size(); ++id)
    if (!plan_->operands[id].planned()) values_[id] = RunValue();
  return results;
}

void Execution::release_bodies() {
  if (kept_total_ == 0) return;
  for (size_t s = 0; s < kept_.size(); ++s) {
    for (const auto& body : bodies_[s]) body->release();
    kept_[s] = 0;
  }
  kept_total_ = 0;
}

Execution::~Execution() = default;
Execution::Execution(Execution&&) noexcept = default;

std::vector<double> Execution::step_ms() const {
  std::vector<double> ms;
  if (profiled_ == 0) return ms;
  for (double s : seconds_) ms.push_back(s * 1e3 / profiled_);
  return ms;
}

}  // namespace dunlin
