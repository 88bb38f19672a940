#include <map>

#include "runtime/lower/families.h"

namespace dunlin {

LowerFunction find_lowering(std::string_view domain, std::string_view op) {
  static const auto index = [] {
    std::map<std::pair<std::string_view, std::string_view>, LowerFunction> map;
    for (const auto entries :
         {lower::attention(), lower::convolution(), lower::dropout(), lower::elementwise(), lower::indexing(),
          lower::matmul(), lower::movement(), lower::normalization(), lower::pooling(), lower::quantization(),
          lower::recurrent(), lower::reduction()})
      for (const LowerEntry& e : entries) map[{e.domain, e.op}] = e.lower;
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

PackedWeight pack_weight(const LowerContext& c, int input, size_t floats, const std::string& kind,
                         const std::function<void(ThreadPool&, const float*, float*)>& pack) {
  PackedWeight w{.packed = nullptr, .floats = floats};
  const TensorPtr& source = c.constant(input);
  if (!source) return w;
  w.packed = c.packed().get(source, std::string(to_string(c.isa())) + " " + kind, [&] {
    Tensor packed(&formats::kF32, Shape{static_cast<int64_t>(floats)});
    const Tensor dense = source->is_row_major() ? source->view() : source->clone();
    ThreadPool one(1);
    pack(one, dense.data<float>(), packed.data<float>());
    return packed;
  });
  return w;
}

}  // namespace dunlin
