// Which operands share memory: views, results that overwrite an input that nothing reads later, and blocks of
// the arena that are never alive together.
#include <algorithm>
#include <climits>

#include "base/error.h"
#include "runtime/planner.h"

namespace dunlin {

namespace {

size_t at(int i) { return static_cast<size_t>(i); }

uint64_t bytes_of(const Operand& o) {
  return static_cast<uint64_t>(o.shape().num_elements()) *
         static_cast<uint64_t>(element_bytes(o.type.format));
}

/// The last step that reads each operand; INT_MAX for those that outlive the run.
std::vector<int> last_uses(const Plan& plan, const std::vector<uint32_t>& unread) {
  std::vector<int> last(plan.operands.size(), -1);
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    for (size_t i = 0; i < step.in.size(); ++i)
      if (step.in[i] >= 0 && !has_bit(unread[s], i)) last[at(step.in[i])] = static_cast<int>(s);
    // A result is alive in its own step even if nothing reads it.
    for (int id : step.out)
      if (id >= 0) last[at(id)] = std::max(last[at(id)], static_cast<int>(s));
  }
  for (int id : plan.outputs) last[at(id)] = INT_MAX;
  return last;
}

/// The whole fits, or an error that names the greediest step.
void check_bytes(const Plan& plan, uint64_t max_bytes) {
  if (plan.arena_bytes <= max_bytes && plan.output_bytes <= max_bytes - plan.arena_bytes) return;
  uint64_t most = 0;
  const Step* greediest = nullptr;
  for (const Step& step : plan.steps) {
    uint64_t bytes = step.scratch_bytes;
    for (int id : step.out)
      if (id >= 0 && plan.operands[at(id)].planned()) bytes += bytes_of(plan.operands[at(id)]);
    if (bytes <= most) continue;
    most = bytes;
    greediest = &step;
  }
  fail(ErrorCode::kResourceExhausted,
       "a run needs {} bytes for values between nodes and {} for outputs, {} may be used; most, {} bytes, "
       "for {}",
       plan.arena_bytes, plan.output_bytes, max_bytes, most, greediest ? greediest->node : "no node");
}

}  // namespace

void plan_memory(Plan& plan, const std::vector<uint32_t>& in_place, const std::vector<uint32_t>& unread,
                 uint64_t max_bytes) {
  std::vector<Operand>& operands = plan.operands;
  const std::vector<int> last = last_uses(plan, unread);
  std::vector<int> first(operands.size(), 0), storage_last = last;  // of each root, over all that share it
  const auto join = [&](int root, int id) {
    operands[at(id)].root = root;
    storage_last[at(root)] = std::max(storage_last[at(root)], last[at(id)]);
    if (operands[at(id)].home == Operand::Home::kOutput && operands[at(root)].home == Operand::Home::kArena) {
      operands[at(root)].home = Operand::Home::kOutput;
      operands[at(root)].index = operands[at(id)].index;
    }
  };
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    for (int id : step.out)
      if (id >= 0) first[at(id)] = static_cast<int>(s);
    if (step.out.empty() || step.out[0] < 0 || !operands[at(step.out[0])].planned()) continue;
    const int out = step.out[0];
    if (step.view) {
      join(operands[at(step.in[0])].root, out);
      continue;
    }
    for (size_t i = 0; i < step.in.size(); ++i) {
      if (!has_bit(in_place[s], i) || step.in[i] < 0) continue;
      const int root = operands[at(step.in[i])].root;
      const Operand& r = operands[at(root)];
      if (r.home != Operand::Home::kArena || storage_last[at(root)] > static_cast<int>(s) ||
          bytes_of(r) != bytes_of(operands[at(out)]))
        continue;
      // What this very step reads otherwise must stay: as another view of the memory, or as an input that must be
      // whole (a convolution may add its own input to its output).
      bool other_reads = false;
      for (size_t k = 0; k < step.in.size(); ++k) {
        const int id = step.in[k];
        if (k == i || id < 0 || operands[at(id)].root != root) continue;
        other_reads |= id != step.in[i] || !has_bit(in_place[s], k);
      }
      if (other_reads) continue;
      join(root, out);
      break;
    }
  }
  for (size_t id = 0; id < operands.size(); ++id) {
    Operand& o = operands[id];
    if (o.root != static_cast<int>(id) || o.home != Operand::Home::kArena) continue;
    o.block = static_cast<int>(plan.blocks.size());
    plan.blocks.push_back({bytes_of(o), first[id], storage_last[id], 0});
  }
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    Step& step = plan.steps[s];
    if (step.scratch_bytes == 0) continue;
    step.scratch_block = static_cast<int>(plan.blocks.size());
    plan.blocks.push_back({step.scratch_bytes, static_cast<int>(s), static_cast<int>(s), 0});
  }
  plan.arena_bytes = assign_offsets(plan.blocks);
  for (int id : plan.outputs)
    if (operands[at(id)].planned()) plan.output_bytes += bytes_of(operands[at(id)]);
  check_bytes(plan, max_bytes);
  std::vector<bool> counted(operands.size(), false);
  for (size_t s = 0; s < plan.steps.size(); ++s)
    for (size_t i = 0; i < plan.steps[s].in.size(); ++i) {
      const int id = plan.steps[s].in[i];
      if (id < 0 || has_bit(unread[s], i) || counted[at(id)]) continue;
      counted[at(id)] = true;
      const Operand& o = operands[at(id)];
      if (o.home == Operand::Home::kConstant) plan.weight_bytes += o.constant->num_bytes();
      if (o.home == Operand::Home::kVariable) plan.weight_bytes += bytes_of(o);
    }
}

}  // namespace dunlin
