// One session's use of a plan: operands bound to memory, and the loop that runs the steps.
#pragma once

#include "base/clock.h"
#include "runtime/plan.h"

namespace dunlin {

/// Memory of a graph output. It is used again by the next run unless the caller still holds it.
class OutputMemory {
 public:
  /// A row-major tensor of this type; the same memory as last time where possible.
  Tensor take(const Type& type);
  uint64_t bytes() const { return memory_ ? memory_->bytes() : 0; }

 private:
  std::shared_ptr<ArenaMemory> memory_;
};

/// When a run, subgraphs included, must have ended.
class Deadline {
 public:
  explicit Deadline(double seconds) : seconds_(seconds), at_(monotonic_seconds() + seconds) {}
  /// Throws kResourceExhausted when the run is out of time, or no machine could compute the step in what is left.
  void check(const Step& step) const;

 private:
  double seconds_, at_;
};

class Runner;

class Execution {
 public:
  explicit Execution(std::shared_ptr<const Plan> plan);
  ~Execution();
  Execution(Execution&&) noexcept;

  /// Inputs have the planned shapes and are row major.
  std::vector<RunValue> run(std::span<const RunValue> inputs, std::span<const Tensor> variables,
                            std::span<OutputMemory> outputs, ArenaMemory& arena, ThreadPool& pool,
                            const RunContext& context, const Deadline& deadline, bool profile);

  const Plan& plan() const { return *plan_; }
  /// Of its subgraphs' memory.
  uint64_t kept_bytes() const { return kept_total_; }
  void release_bodies();
  /// Mean milliseconds of each step over the profiled runs; empty when there was none.
  std::vector<double> step_ms() const;

 private:
  void bind(int operand, std::byte* data);
  void bind_roots(std::span<const RunValue> inputs, std::span<const Tensor> variables, ArenaMemory& arena);

  class Lent;
  void count_run_time_bytes(const Step& step, RunContext& left) const;
  std::vector<RunValue> run_body(size_t step, const Body& body, std::vector<RunValue> inputs,
                                 ThreadPool& pool, const RunContext& context, const Deadline& deadline);

  std::shared_ptr<const Plan> plan_;
  std::vector<RunValue> values_;                     // by operand
  std::vector<std::vector<int>> shares_;             // by root: the operands on its memory
  std::vector<std::vector<const Tensor*>> in_args_;  // by step
  std::vector<std::vector<Tensor*>> out_args_;
  std::vector<std::vector<const RunValue*>> in_values_;  // the same, of steps that go by values
  std::vector<std::vector<RunValue*>> out_values_;
  std::vector<std::vector<std::unique_ptr<Runner>>> bodies_;  // by step
  std::vector<uint64_t> kept_;                                // bytes, by step
  uint64_t kept_total_ = 0;
  std::vector<std::byte*> bound_;  // by root
  std::vector<double> seconds_;
  int profiled_ = 0;
};

}  // namespace dunlin
