// ai.onnx.ml: what its ops share.
#pragma once

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

inline constexpr std::string_view kMlDomain = "ai.onnx.ml";

/// Calls f.template operator()<T>() for the types of number that this domain's ops take.
template <typename F>
void for_ml_number(Format format, F&& f) {
  if (format == &formats::kF32) return f.template operator()<float>();
  if (format == &formats::kF64) return f.template operator()<double>();
  if (format == &formats::kI32) return f.template operator()<int32_t>();
  if (format == &formats::kI64) return f.template operator()<int64_t>();
  fail_format(format);
}
/// Throws unless input i holds one of them, or its format is not known yet.
void check_ml_number(const InferArgs& a, int i);

/// X [N, C], or [C] for one row.
struct Rows {
  int64_t count, features;
};
/// Throws when X is neither. Sizes may be unknown.
Rows rows_of(const NodeView& a, const Shape& x);

/// The attribute's numbers; none when it is not there.
std::vector<float> attr_floats(const NodeView& a, std::string_view name);

/// How many features the last axis has; 1 of a scalar.
int64_t features_of(const Shape& x);
/// Throws unless `count` entries are one for all features, or one for each.
void check_per_feature(const NodeView& a, std::string_view name, size_t count, int64_t features);

}  // namespace dunlin::ops
