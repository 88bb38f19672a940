#include <nlohmann/json.hpp>

#include "runtime/runner.h"

namespace dunlin {

namespace {

nlohmann::json operand_json(const Plan& plan, int id) {
  if (id < 0) return nullptr;
  const Operand& o = plan.operands[static_cast<size_t>(id)];
  nlohmann::json j{{"name", o.name}, {"type", to_string(o.type)}};
  if (!o.planned()) {
    j["home"] = "run time";
    return j;
  }
  constexpr const char* kHomes[] = {"arena", "input", "output", "constant", "variable", "run time"};
  const Operand& root = plan.operands[static_cast<size_t>(o.root)];
  j["home"] = kHomes[static_cast<size_t>(root.home)];
  j["layout"] =
      o.layout == Layout::kChannelsLast && !layouts_agree(o.shape()) ? "channels last" : "row major";
  if (root.block >= 0) j["offset"] = plan.blocks[static_cast<size_t>(root.block)].offset;
  return j;
}

uint64_t bytes_of(const Plan& plan, const std::vector<int>& ids) {
  uint64_t sum = 0;
  for (int id : ids) {
    if (id < 0 || !plan.operands[static_cast<size_t>(id)].planned()) continue;
    const Operand& o = plan.operands[static_cast<size_t>(id)];
    sum +=
        static_cast<uint64_t>(o.shape().num_elements()) * static_cast<uint64_t>(element_bytes(o.type.format));
  }
  return sum;
}

}  // namespace

std::string describe(const Plan& plan, std::span<const double> step_ms) {
  nlohmann::json out;
  uint64_t macs = 0;
  out["steps"] = nlohmann::json::array();
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    nlohmann::json j{{"node", step.node},
                     {"kernel", step.view ? "view" : step.kernel},
                     {"macs", step.macs},
                     {"bytes_read", step.view ? 0 : bytes_of(plan, step.in)},
                     {"bytes_written", step.view ? 0 : bytes_of(plan, step.out)},
                     {"scratch_bytes", step.scratch_bytes}};
    for (const StepBody& body : step.bodies) {
      const Graph& g = body.plans->graph();
      j["subgraphs"].push_back({{"name", g.name}, {"inputs", g.inputs.size()}, {"nodes", g.nodes.size()}});
    }
    for (int id : step.in) j["inputs"].push_back(operand_json(plan, id));
    for (int id : step.out) j["outputs"].push_back(operand_json(plan, id));
    if (s < step_ms.size()) j["ms"] = step_ms[s];
    macs += step.macs;
    out["steps"].push_back(std::move(j));
  }
  out["macs"] = macs;
  out["arena_bytes"] = plan.arena_bytes;
  out["weight_bytes"] = plan.weight_bytes;
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace dunlin
