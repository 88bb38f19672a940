#include "graph/ops/ml.h"

namespace dunlin::ops {

void check_ml_number(const InferArgs& a, int i) {
  const Format f = a.format(i);
  if (f && f != &formats::kF32 && f != &formats::kF64 && f != &formats::kI32 && f != &formats::kI64)
    a.error("input {} is {}, f32, f64, i32 or i64 is expected", i, f->name);
}

Rows rows_of(const NodeView& a, const Shape& x) {
  if (x.rank() == 1) return {1, x[0]};
  if (x.rank() != 2) a.error("X is {}, [C] or [N, C] is expected", to_string(x));
  return {x[0], x[1]};
}

std::vector<float> attr_floats(const NodeView& a, std::string_view name) {
  const auto* list = find_attribute<std::vector<float>>(a.node(), name);
  return list ? *list : std::vector<float>();
}

int64_t features_of(const Shape& x) { return x.rank() == 0 ? 1 : x[x.rank() - 1]; }

void check_per_feature(const NodeView& a, std::string_view name, size_t count, int64_t features) {
  if (count != 1 && features >= 0 && count != static_cast<uint64_t>(features))
    a.error("{} has {} entries, 1 or {} (the features of X) are expected", name, count, features);
}

}  // namespace dunlin::ops
