// A plan: the immutable steps that run a graph for one combination of input shapes. It holds no memory of a
// run, so that any number of sessions can share it; see execution.h for the run itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/threads.h"
#include "dunlin/model_limits.h"
#include "graph/ir.h"
#include "graph/op.h"
#include "runtime/arena.h"
#include "runtime/layout.h"
#include "runtime/packed.h"

namespace dunlin {

/// What a step's kernel sees. Absent operands are null. Tensors have the shapes and strides that were
/// planned.
struct StepArgs {
  std::span<const Tensor* const> in;
  std::span<Tensor* const> out;
  std::byte* scratch;
  ThreadPool& pool;
  const RunContext& context;
  /// The same operands for steps whose operands need not be tensors, and how their subgraphs are run.
  std::span<const RunValue* const> in_values;
  std::span<RunValue* const> out_values;
  const BodyRunner& bodies;

  template <typename T = float>
  const T* x(size_t i) const {
    return in[i] ? in[i]->data<T>() : nullptr;
  }
  template <typename T = float>
  T* y(size_t i) const {
    return out[i] ? out[i]->data<T>() : nullptr;
  }
  float* scratch_floats() const { return reinterpret_cast<float*>(scratch); }
};
using Kernel = std::function<void(const StepArgs&)>;

/// A value as the plan stores it. One value of the graph may be stored twice, in two layouts or, an f32 one, in bf16
/// too.
struct Operand {
  enum class Home : uint8_t {
    kArena,     ///< at `offset` bytes
    kInput,     ///< the caller's tensor `index`
    kOutput,    ///< the memory of output `index`, which the caller gets
    kConstant,  ///< `constant`
    kVariable,  ///< the session's variable `index`
    kRunTime,  ///< made by its step, whose size is known only then, or the caller's value `index`, no tensor,
               ///< or `constant`, of strings
  };
  std::string name;
  Type type;
  Layout layout = Layout::kRowMajor;
  Home home = Home::kArena;
  int index = -1;
  int root =
      -1;  ///< the operand whose memory this one takes: itself, or another for views and in-place results
  int block = -1;  ///< of a root at home in the arena: index into Plan::blocks
  TensorPtr constant;

  const Shape& shape() const { return *type.shape; }
  bool planned() const { return home != Home::kRunTime; }
};

class PlanCache;

/// A subgraph of a step's node, planned by itself.
struct StepBody {
  std::shared_ptr<PlanCache> plans;
  /// By inputs and then captures of the subgraph: whether it is a constant, which the plans have already.
  std::vector<bool> bound;
};

struct Step {
  std::string kernel;        ///< "conv_forward", "reference", ...
  std::string node;          ///< `Conv "layer1.0.conv1"`
  std::vector<int> in, out;  ///< operands; -1 for those left out
  Kernel run;
  uint64_t scratch_bytes = 0;
  int scratch_block = -1;
  uint64_t macs = 0;
  bool view = false;  ///< output 0 is input 0's memory: nothing runs
  std::vector<StepBody> bodies = {};
};

struct PlanOptions {
  Isa isa = Isa::kScalar;
  int num_threads = 1;                    ///< only the size of scratch memory depends on it
  std::vector<ValueId> variables = {};    ///< operand kVariable `index` counts in this order
  size_t max_plans = 8;                   ///< of each subgraph
  uint64_t max_bytes = UINT64_MAX;        ///< of the arena and the outputs together
  uint64_t max_total_bytes = UINT64_MAX;  ///< of these, the graph and packed constants
  FoldingLimits folding = {};
  bool bf16 = false;            ///< compute in bf16 where there are kernels for it: see lower/lowering.h
  bool winograd = true;         ///< see SessionOptions
  bool reference_only = false;  ///< every op by its scalar reference: the yardstick
  /// Shared with the graph that this is a subgraph of; null: PlanCache makes one.
  std::shared_ptr<PackedCache> packed = nullptr;
};

struct Plan {
  std::shared_ptr<const Graph> graph;  ///< after the passes; steps refer to its nodes
  std::vector<Operand> operands;
  std::vector<Step> steps;
  std::vector<int> inputs;   ///< operand of each graph input; -1 for one that nothing reads
  std::vector<int> outputs;  ///< operand of each graph output
  std::vector<ArenaBlock> blocks;
  uint64_t arena_bytes = 0, output_bytes = 0;
  std::shared_ptr<const void> held = nullptr;  ///< see PackedCache::hold()
  uint64_t weight_bytes = 0;                   ///< of constants and variables as kernels read them
};

/// Plans a graph whose inputs have the types of a run. Its tensors are the caller's, counted and kept; what the plan
/// makes beside them counts against options.packed. Throws what inference throws, and kResourceExhausted
/// when a run would need more than options.max_bytes.
std::shared_ptr<const Plan> make_plan(Graph graph, const PlanOptions& options);

/// The plan as JSON; `step_ms`, when not empty, is the mean time of each step.
std::string describe(const Plan& plan, std::span<const double> step_ms = {});

}  // namespace dunlin
