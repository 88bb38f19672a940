#include "graph/passes/equal_constants.h"

namespace dunlin {

ValueId EqualConstants::same_as(ValueId v) {
  const Tensor* t = v == kNoValue || variable_.contains(v) ? nullptr : g_.initializer(v);
  if (!t || !is_plain(t->format()) || !t->is_row_major() || t->num_bytes() > max_bytes_) return v;
  const auto [it, fresh] = met_.try_emplace(t, v);
  if (!fresh) return it->second;
  const auto bytes = t->plane(Plane::kPayload);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  it->second =
      first_.try_emplace({t->format(), {t->shape().begin(), t->shape().end()}, text}, v).first->second;
  return it->second;
}

}  // namespace dunlin
