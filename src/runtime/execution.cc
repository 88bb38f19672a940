#include "runtime/execution.h"

#include "base/clock.h"
#include "base/error.h"

namespace dunlin {

namespace {
size_t at(int i) { return static_cast<size_t>(i); }
}  // namespace

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
      values_[id] = o.constant->view();
    else  // a view; its root has a smaller number
      bind(static_cast<int>(id), values_[at(o.root)].plane(Plane::kPayload).data());
  }
  for (const Step& step : plan_->steps) {
    std::vector<const Tensor*> in;
    for (int id : step.in) in.push_back(id < 0 ? nullptr : &values_[at(id)]);
    in_args_.push_back(std::move(in));
    std::vector<Tensor*> out;
    for (int id : step.out) out.push_back(id < 0 ? nullptr : &values_[at(id)]);
    out_args_.push_back(std::move(out));
  }
  seconds_.assign(plan_->steps.size(), 0.0);
}

void Execution::bind(int operand, std::byte* data) {
  const Operand& o = plan_->operands[at(operand)];
  values_[at(operand)] = Tensor::over(o.type.format, o.shape(), strides_of(o.layout, o.shape()), data);
}

void Execution::bind_roots(std::span<const Tensor> inputs, std::span<const Tensor> variables,
                           ArenaMemory& arena) {
  std::byte* base = arena.reserve(plan_->arena_bytes);
  for (size_t id = 0; id < plan_->operands.size(); ++id) {
    const Operand& o = plan_->operands[id];
    if (o.root != static_cast<int>(id)) continue;
    std::byte* data = nullptr;
    // Inputs and variables are only read: no step writes to an operand with such a root.
    if (o.home == Operand::Home::kInput)
      data = const_cast<std::byte*>(inputs[at(o.index)].plane(Plane::kPayload).data());
    else if (o.home == Operand::Home::kVariable)
      data = const_cast<std::byte*>(variables[at(o.index)].plane(Plane::kPayload).data());
    else if (o.home == Operand::Home::kArena)
      data = base + plan_->blocks[at(o.block)].offset;
    else
      continue;
    if (bound_[id] == data && values_[id]) continue;
    bound_[id] = data;
    for (int share : shares_[id]) bind(share, data);
  }
}

/// Takes what the step allocated itself from what may be used.
void Execution::count_run_time_bytes(const Step& step, RunContext& left) const {
  for (int id : step.out) {
    if (id < 0 || plan_->operands[at(id)].planned() || !values_[at(id)]) continue;
    const uint64_t bytes = values_[at(id)].num_bytes();
    if (bytes > left.max_bytes)
      fail(ErrorCode::kResourceExhausted, "{}: its output \"{}\" takes {} bytes, {} are left for this run",
           step.node, plan_->operands[at(id)].name, bytes, left.max_bytes);
    left.max_bytes -= bytes;
  }
}

std::vector<Tensor> Execution::run(std::span<const Tensor> inputs, std::span<const Tensor> variables,
                                   std::span<OutputMemory> outputs, ArenaMemory& arena, ThreadPool& pool,
                                   const RunContext& context, bool profile) {
  bind_roots(inputs, variables, arena);
  std::vector<Tensor> results(plan_->outputs.size());
  for (size_t k = 0; k < results.size(); ++k) {
    const Operand& o = plan_->operands[at(plan_->outputs[k])];
    if (!o.planned()) continue;
    results[k] = outputs[k].take(o.type);
    std::byte* data = results[k].plane(Plane::kPayload).data();
    if (bound_[at(o.root)] == data && values_[at(o.root)]) continue;
    bound_[at(o.root)] = data;
    for (int share : shares_[at(o.root)]) bind(share, data);
  }
  std::byte* base = arena.reserve(plan_->arena_bytes);
  RunContext left = context;
  double before = profile ? monotonic_seconds() : 0;
  for (size_t s = 0; s < plan_->steps.size(); ++s) {
    const Step& step = plan_->steps[s];
    if (!step.view) {
      std::byte* scratch =
          step.scratch_block < 0 ? nullptr : base + plan_->blocks[at(step.scratch_block)].offset;
      step.run({in_args_[s], out_args_[s], scratch, pool, left});
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
    if (!results[k]) {
      results[k] = values_[at(plan_->outputs[k])].clone();
    }
  for (size_t id = 0; id < values_.size(); ++id)
    if (!plan_->operands[id].planned()) values_[id] = Tensor();
  return results;
}

std::vector<double> Execution::step_ms() const {
  std::vector<double> ms;
  if (profiled_ == 0) return ms;
  for (double s : seconds_) ms.push_back(s * 1e3 / profiled_);
  return ms;
}

}  // namespace dunlin
