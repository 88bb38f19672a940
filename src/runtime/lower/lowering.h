// How a node of the graph becomes a step: one file of lowerings per family of ops, listed in catalog.cc. An
// op without a lowering, or one that its lowering declines, runs its scalar reference.
#pragma once

#include <optional>
#include <type_traits>

#include "runtime/plan.h"

namespace dunlin {

struct LowerOptions {
  Isa isa;
  int num_threads;
  bool winograd;
  /// By value: see bf16_values(). Null: compute in f32.
  const std::vector<bool>* bf16_values = nullptr;
};

/// What a lowering sees: the node, the types of its operands (all shapes known), how the inputs lie now, and
/// the inputs that are constant.
class LowerContext : public NodeView {
 public:
  struct Input {
    Type type;
    Layout layout = Layout::kRowMajor;
    TensorPtr constant;   ///< row major; null when the value is known only in a run
    bool narrow = false;  ///< an f32 value that lies in bf16 now
  };
  LowerContext(const Graph& graph, const Node& node, std::vector<Input> inputs, std::vector<Type> outputs,
               const LowerOptions& options, PackedCache& packed)
      : NodeView(graph, node),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        options_(&options),
        packed_(&packed) {}

  Isa isa() const { return options_->isa; }
  int num_threads() const { return options_->num_threads; }
  bool winograd() const { return options_->winograd; }
  /// Whether f32 values may be computed with in bf16, and lie in it between nodes. Types are those of the graph: f32.
  bool bf16() const { return options_->bf16_values != nullptr; }
  bool is_narrow(int i) const { return has_input(i) && inputs_[static_cast<size_t>(i)].narrow; }
  /// Whether output i should be made in bf16.
  bool wants_narrow(int i) const {
    return bf16() && has_output(i) &&
           (*options_->bf16_values)[static_cast<size_t>(node().outputs[static_cast<size_t>(i)])];
  }
  /// Throws when the input is not there.
  const Shape& shape(int i) const {
    if (!has_input(i)) error("input {} is missing", i);
    return *inputs_[static_cast<size_t>(i)].type.shape;
  }
  /// Null when it is not there.
  Format format(int i) const { return has_input(i) ? inputs_[static_cast<size_t>(i)].type.format : nullptr; }
  const Shape& out_shape(int i) const { return *outputs_[static_cast<size_t>(i)].shape; }
  Format out_format(int i) const { return outputs_[static_cast<size_t>(i)].format; }
  Layout layout(int i) const {
    return has_input(i) ? inputs_[static_cast<size_t>(i)].layout : Layout::kRowMajor;
  }
  TensorPtr constant(int i) const {
    return has_input(i) ? inputs_[static_cast<size_t>(i)].constant : nullptr;
  }
  /// As InferArgs::ints, when the input is left out or constant.
  std::optional<std::vector<int64_t>> ints(std::string_view name, int i) const;
  /// Whether every operand that is there is f32: what the kernels compute in.
  bool all_f32() const;
  /// Channels last when input i lies so, row major otherwise.
  Layout layout_like(std::initializer_list<int> inputs) const {
    for (int i : inputs)
      if (has_input(i) && layout(i) == Layout::kChannelsLast) return Layout::kChannelsLast;
    return Layout::kRowMajor;
  }
  PackedCache& packed() const { return *packed_; }

 private:
  std::vector<Input> inputs_;
  std::vector<Type> outputs_;
  const LowerOptions* options_;
  PackedCache* packed_;
};

/// Bit i of a step's mask, which as OpDef::shape_only_inputs has bit 31 for all inputs from 31 on.
inline bool has_bit(uint32_t mask, size_t i) { return (mask >> (i < 31 ? i : 31)) & 1; }

struct Lowered {
  std::string kernel = {};
  Kernel run = {};
  /// Wanted layout of each input and made layout of each output; missing entries are row major.
  std::vector<Layout> in = {}, out = {};
  /// Bit i: the f32 input i is wanted in bf16, and the f32 output i is made in it. A step with neither reads and makes
  /// f32: an island, to and from which the planner casts.
  uint32_t narrow_in = 0, narrow_out = 0;
  /// Bit i: output 0 may take the memory of input i.
  uint32_t in_place = 0;
  /// Bit i: input i is not read in a run (its constant was packed, or only its shape matters).
  uint32_t unread = 0;
  uint64_t scratch_bytes = 0;
  uint64_t macs = 0;
  uint64_t packed_bytes = 0;
  /// Output 0 is input 0 under another shape: no kernel.
  bool view = false;
};

/// none: run the reference instead.
using LowerFunction = std::optional<Lowered> (*)(const LowerContext&);

/// What a family's lowering does in bf16.
enum class InBf16 : uint8_t {
  kNothing,  ///< it reads and makes f32
  kTakes,    ///< takes its first input in bf16
  kFollows,  ///< makes bf16 of bf16: worth it only where the output is wanted so
};

/// One entry of a family's list.
struct LowerEntry {
  std::string_view domain, op;
  LowerFunction lower;
  InBf16 in_bf16 = InBf16::kNothing;
};

/// Null when the op has no lowering.
const LowerEntry* find_lowering(std::string_view domain, std::string_view op);

inline size_t elements(const Shape& shape) { return static_cast<size_t>(shape.num_elements()); }
/// Bytes of scratch for `floats`, so that parts of scratch stay aligned.
inline uint64_t scratch_for(size_t floats) { return (floats * sizeof(float) + 63) / 64 * 64; }

/// A constant's packed form, or scratch to pack into in every run when the value may change.
struct PackedWeight {
  std::shared_ptr<const Tensor> packed;  ///< null: pack into scratch
  uint64_t unpacked_bytes = 0;
  uint64_t scratch_bytes() const { return packed ? 0 : (unpacked_bytes + 63) / 64 * 64; }
  uint64_t bytes() const { return packed ? packed->num_bytes() : 0; }
};
template <typename T>
using PackWeight = std::function<void(ThreadPool&, const float*, T*)>;
/// `pack(pool, from, to)` makes `size` elements, floats or bf16; `kind` names everything that the packed form depends on
/// beside the values and T.
template <typename T = float>
PackedWeight pack_weight(const LowerContext& c, int input, size_t size, const std::string& kind,
                         const std::type_identity_t<PackWeight<T>>& pack);

/// By value: whether an f32 value is better made in bf16, because a node that reads it takes it so or makes a value of
/// it that is better so. What leaves the graph stays f32.
std::vector<bool> bf16_values(const Graph& graph);

/// The scalar reference as a step: takes any layout, makes row-major outputs.
Lowered lower_reference(const std::shared_ptr<const Graph>& graph, const Node& node);
/// The same when the sizes of outputs are known only in the run.
Lowered lower_at_run_time(const std::shared_ptr<const Graph>& graph, const Node& node);
/// A node that runs subgraphs, or with an operand that is no tensor. `planned`: its outputs are tensors that have
/// their memory already.
Lowered lower_values(const std::shared_ptr<const Graph>& graph, const Node& node, bool planned);
/// Copies a value of one shape from layout to layout.
Lowered lower_copy(const Type& type, Layout from, Layout to, const LowerOptions& options);
/// Converts a value between f32 and bf16, as it lies.
Lowered lower_cast(const Type& from, const LowerOptions& options);

}  // namespace dunlin
