// Builds a plan step by step: chooses each node's kernel and the layouts of its operands, then decides which
// operands share memory. Internal to the runtime.
#pragma once

#include "runtime/lower/lowering.h"

namespace dunlin {

class Planner {
 public:
  Planner(std::shared_ptr<const Graph> graph, const PlanOptions& options);
  Plan build();

 private:
  void add_sources();
  void add_node(const Node& node);
  void add_outputs();
  int add_operand(std::string name, Type type, Layout layout, Operand::Home home);
  enum class Width : uint8_t { kWide, kNarrow, kAny };  // f32, bf16; of no meaning for other values
  /// The operand that holds `v` in `layout`, made by a copy or a cast where there is none yet.
  int operand_of(ValueId v, Layout layout, Width width = Width::kWide);
  int add_copy(int from, Layout layout);
  int add_cast(int from);
  int add_conversion(int from, Layout layout, Format format, Lowered convert, std::string what);
  bool is_narrow(ValueId v, const Operand& o) const;
  uint64_t max_bytes() const;  ///< of a run
  void check_bytes(const Node& node, const Type& type) const;
  std::vector<StepBody> plan_bodies(const Node& node);
  uint64_t reference_macs(const Node& node, const Shape& y) const;
  std::optional<Lowered> lower(const Node& node, const std::vector<Type>& out_types);

  std::shared_ptr<const Graph> graph_;
  const PlanOptions& options_;
  std::vector<bool> bf16_values_;
  LowerOptions lower_options_;
  Plan plan_;
  std::vector<int> made_;                                    // operand of each value as its step made it
  std::map<std::tuple<ValueId, Layout, bool>, int> copies_;  // the same value in another layout, or in bf16
  std::vector<uint32_t> in_place_, unread_;                  // of each step, as in Lowered
};

/// Decides which operands share memory and where the arena's blocks lie.
/// Throws when that is more than `max_bytes`.
void plan_memory(Plan& plan, const std::vector<uint32_t>& in_place, const std::vector<uint32_t>& unread,
                 uint64_t max_bytes);

}  // namespace dunlin
