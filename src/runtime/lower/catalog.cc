#include <algorithm>
#include <map>
#include <ranges>

#include "runtime/lower/families.h"

namespace dunlin {

const LowerEntry* find_lowering(std::string_view domain, std::string_view op) {
  static const auto index = [] {
    std::map<std::pair<std::string_view, std::string_view>, const LowerEntry*> map;
    for (const auto entries :
         {lower::attention(), lower::convolution(), lower::dropout(), lower::elementwise(), lower::indexing(),
          lower::integer_product(), lower::matmul(), lower::movement(), lower::normalization(),
          lower::pooling(), lower::quantization(), lower::quantized_elementwise(), lower::recurrent(),
          lower::reduction()})
      for (const LowerEntry& e : entries) map[{e.domain, e.op}] = &e;
    return map;
  }();
  const auto it = index.find({domain == "ai.onnx" ? "" : domain, op});
  return it == index.end() ? nullptr : it->second;
}

std::optional<std::vector<int64_t>> LowerContext::ints(std::string_view name, int i) const {
  if (const auto* list = find_attribute<std::vector<int64_t>>(node(), name)) return *list;
  if (!has_input(i) || !constant(i)) return std::nullopt;
  return to_ints(*constant(i));
}

bool LowerContext::all_f32() const {
  for (int i = 0; i < num_inputs(); ++i)
    if (has_input(i) && format(i) != &formats::kF32) return false;
  for (int i = 0; i < num_outputs(); ++i)
    if (has_output(i) && out_format(i) != &formats::kF32) return false;
  return true;
}

std::vector<bool> bf16_values(const Graph& graph) {
  std::vector<bool> wanted(graph.values.size(), false), leaves(graph.values.size(), false);
  for (ValueId v : graph.outputs) leaves[static_cast<size_t>(v)] = true;
  for (const Node& n : std::views::reverse(graph.nodes)) {
    const LowerEntry* entry = find_lowering(n.domain, n.op);
    if (!entry || entry->in_bf16 == InBf16::kNothing) continue;
    const bool follows = entry->in_bf16 == InBf16::kFollows;
    if (follows && std::ranges::none_of(
                       n.outputs, [&](ValueId v) { return v != kNoValue && wanted[static_cast<size_t>(v)]; }))
      continue;
    for (size_t i = 0; i < (follows ? n.inputs.size() : size_t{1}) && i < n.inputs.size(); ++i) {
      const ValueId v = n.inputs[i];
      if (v != kNoValue && graph.type(v).format == &formats::kF32 && !leaves[static_cast<size_t>(v)])
        wanted[static_cast<size_t>(v)] = true;
    }
  }
  return wanted;
}

template <typename T>
PackedWeight pack_weight(const LowerContext& c, int input, size_t size, const std::string& kind,
                         const std::type_identity_t<PackWeight<T>>& pack) {
  PackedWeight w{.packed = nullptr, .unpacked_bytes = size * sizeof(T)};
  const TensorPtr& source = c.constant(input);
  if (!source) return w;
  const Format format = format_of<T>();
  w.packed = c.packed().get(source, fmt::format("{} {} {}", to_string(c.isa()), format->name, kind), [&] {
    Tensor packed(format, Shape{static_cast<int64_t>(size)});
    const Tensor dense = source->is_row_major() ? source->view() : source->clone();
    ThreadPool one(1);
    pack(one, dense.data<float>(), packed.data<T>());
    return packed;
  });
  return w;
}
template PackedWeight pack_weight<float>(const LowerContext&, int, size_t, const std::string&,
                                         const PackWeight<float>&);
template PackedWeight pack_weight<BFloat16>(const LowerContext&, int, size_t, const std::string&,
                                            const PackWeight<BFloat16>&);

}  // namespace dunlin
