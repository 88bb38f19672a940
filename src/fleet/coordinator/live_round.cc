#include "fleet/coordinator/live_round.h"

#include <algorithm>

#include "base/error.h"

namespace dunlin::fleet {

namespace {
constexpr size_t kHeaderRoom = 64 << 10;

std::vector<TensorCode> codes_of(const wire::v1::Plan& plan) {
  std::vector<TensorCode> codes;
  for (const auto& t : plan.tensors()) codes.push_back(from_wire(t));
  return codes;
}

wire::v1::Plan parse_plan(const RoundRow& row) {
  wire::v1::Plan plan;
  if (!plan.ParseFromArray(row.plan.data(), static_cast<int>(row.plan.size())))
    fail(ErrorCode::kCorrupt, "round {}: its plan cannot be read", row.number);
  return plan;
}
}  // namespace

LiveRound::LiveRound(RoundRow r)
    : row(std::move(r)), plan(parse_plan(row)), codes(codes_of(plan)), sum(codes) {}

uint64_t LiveRound::count(const std::string& state) const {
  return static_cast<uint64_t>(
      std::count_if(tasks.begin(), tasks.end(), [&](const auto& t) { return t.second.state == state; }));
}

// The plan's tensors are most of an update's header; beyond them it has a name and some numbers.
UpdateLimits LiveRound::limits(const TaskRow& task) const {
  return {plan.max_weight(), task.examples, row.plan.size() + kHeaderRoom};
}

uint64_t LiveRound::max_update_bytes() const { return sum.code_bytes() + row.plan.size() + kHeaderRoom; }

TaskRow* LiveRound::find(const std::string& task) {
  const auto it =
      std::find_if(tasks.begin(), tasks.end(), [&](const auto& t) { return t.second.id == task; });
  return it == tasks.end() ? nullptr : &it->second;
}

LiveRound load_round(const RoundRow& row, Store& store, Artefacts& accumulators, UpdateInbox& inbox) {
  LiveRound round(row);
  if (const auto a = store.accumulator(row)) {
    round.checkpoint = a->checkpoint;
    round.accumulator = a->sha256;
    Sum sum = Sum::parse(*accumulators.read(a->sha256));
    if (!same_codes(sum.codes(), round.codes) || sum.updates() != a->updates)
      fail(ErrorCode::kCorrupt, "round {}: the accumulator is not of this round", row.number);
    round.sum = std::move(sum);
  }
  for (const TaskRow& t : store.tasks(row)) {
    if (t.state == "accepted" && !t.checkpoint) {
      const Bytes bytes = inbox.read(t, round.max_update_bytes()).bytes;
      if (to_hex(sha256(bytes)) != t.sha256)
        fail(ErrorCode::kCorrupt, "round {}: the accepted update {} was changed on disk", row.number, t.id);
      const CheckedUpdate u = check_update(bytes, t.id, round.codes, round.limits(t));
      if (u.reason != wire::v1::UPDATE_ACCEPTED) fail(ErrorCode::kCorrupt, "{}", u.message);
      round.sum.fold(u.codes, u.header.weight());
      round.folded_since_checkpoint.push_back(t.id);
    }
    round.tasks.emplace(t.device, t);
  }
  if (round.sum.updates() != round.count("accepted"))
    fail(ErrorCode::kCorrupt, "round {}: the sum holds {} updates, {} were accepted", row.number,
         round.sum.updates(), round.count("accepted"));
  return round;
}

}  // namespace dunlin::fleet
