#include "graph/narrow.h"

#include <algorithm>

#include "graph/node_error.h"

namespace dunlin {

namespace {

struct Taken {
  std::string_view name;
  uint32_t inputs = 1;  ///< bit i: input i may be narrow; bit 31 speaks for all from 31 on
};
constexpr uint32_t kAll = UINT32_MAX, kQuantised = 0b110;  // scales and zero points

/// Ops that only move elements, and those that convert them.
constexpr Taken kTaken[] = {
    {"Cast"},
    {"CastLike", 0b11},
    {"CenterCropPad"},
    {"Compress"},
    {"Concat", kAll},
    {"DepthToSpace"},
    {"DequantizeLinear", 0b111},
    {"Expand"},
    {"Flatten"},
    {"Gather"},
    {"GatherElements"},
    {"GatherND"},
    {"Identity"},
    {"IsInf"},
    {"IsNaN"},
    {"OneHot", 0b100},
    {"QuantizeLinear", kQuantised},
    {"Reshape"},
    {"ReverseSequence"},
    {"Shape"},
    {"Size"},
    {"Slice"},
    {"SpaceToDepth"},
    {"Split"},
    {"Squeeze"},
    {"TensorScatter", 0b11},
    {"Tile"},
    {"Transpose"},
    {"Trilu"},
    {"Unsqueeze"},
    {"Where", 0b110},
};
constexpr Taken kTakenOfOurs[] = {
    {"ConcatGrad", kAll},  {"FakeQuantize", kQuantised}, {"FakeQuantizeGrad", kQuantised},
    {"ReshapeLike", kAll}, {"SliceGrad", 0b11},          {"SpaceToDepthLike", kAll},
    {"ZerosLike"},
};

uint32_t taken_inputs(const OpDef& op) {
  if (!op.domain.empty() && op.domain != kDunlinDomain) return 0;
  const std::span<const Taken> list = op.domain.empty() ? std::span<const Taken>(kTaken) : kTakenOfOurs;
  const auto it = std::find_if(list.begin(), list.end(), [&](const Taken& t) { return t.name == op.name; });
  return it == list.end() ? 0 : it->inputs;
}

}  // namespace

void check_narrow(const Graph& graph, const Node& node, const OpDef& op, std::span<const Type> types) {
  const auto narrow = [](const Type& t) { return t.format && t.format->narrow != nullptr; };
  // Ops that run subgraphs or take sequences hand elements on.
  if (op.run || std::none_of(types.begin(), types.end(), narrow)) return;
  const uint32_t taken = taken_inputs(op);
  for (size_t i = 0; i < types.size(); ++i)
    if (narrow(types[i]) && !(taken >> std::min<size_t>(i, 31) & 1))
      fail_at(graph, node, ErrorCode::kUnsupported,
              "input {} is {}; {} of such elements is not supported, Cast makes wider ones of them", i,
              types[i].format->name, node.op);
}

}  // namespace dunlin
