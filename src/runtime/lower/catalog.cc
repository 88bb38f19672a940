#include "runtime/lower/lowering.h"

namespace dunlin {

LowerFunction find_lowering(std::string_view, std::string_view) { return nullptr; }

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

}  // namespace dunlin
