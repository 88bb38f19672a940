#include <cmath>

#include "graph/ops/ml.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"replaced_value_float=nan imputed_value_floats=[1.5,-2.5]", "f32[3,2]{nan,1,2,nan,nan,nan}"},
    {"replaced_value_float=0.0 imputed_value_floats=[7.0]", "f64[2,3]{0,1,2,0,-1,0}"},
    {"replaced_value_int64=-1 imputed_value_int64s=[4,5,6]", "i64[2,3]@-2..1"},
    {"replaced_value_int64=0 imputed_value_int64s=[9]", "i32[5]@-1..2"}};

/// What takes the place of `replaced`; one for all features, or one for each.
template <typename T>
struct Imputation {
  T replaced;
  std::vector<T> imputed;
  bool replaces(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(replaced)) return std::isnan(x);
    return x == replaced;
  }
};

template <typename T>
Imputation<T> read_imputation(const NodeView& a, const Shape& x) {
  constexpr bool kFloats = std::is_floating_point_v<T>;
  constexpr std::string_view kName = kFloats ? "imputed_value_floats" : "imputed_value_int64s";
  Imputation<T> out{};
  if constexpr (kFloats) {
    out.replaced = a.attr_float("replaced_value_float", 0);
    for (float v : attr_floats(a, kName)) out.imputed.push_back(v);
  } else {
    const auto fit = [&](std::string_view name, int64_t v) {
      if (!std::in_range<T>(v)) a.error("{} holds {}, which X's type does not", name, v);
      return static_cast<T>(v);
    };
    out.replaced = fit("replaced_value_int64", a.attr_int("replaced_value_int64", 0));
    for (int64_t v : a.attr_ints(kName)) out.imputed.push_back(fit(kName, v));
  }
  if (out.imputed.empty()) a.error("attribute {} is missing", kName);
  check_per_feature(a, kName, out.imputed.size(), features_of(x));
  return out;
}

}  // namespace

/// X with one value (NaN matches NaN) replaced, along the last axis by the feature's own.
extern constexpr OpDef kImputer{
    .name = "Imputer",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.Imputer",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_ml_number(a, 0);
          if (a.format(0))
            for_ml_number(a.format(0), [&]<typename T>() { read_imputation<T>(a, a.shape(0)); });
          return infer_same(a);
        },
    .forward =
        [](const OpCall& c) {
          const auto features = static_cast<size_t>(features_of(c.input(0).shape()));
          for_ml_number(c.input(0).format(), [&]<typename T>() {
            const Imputation<T> s = read_imputation<T>(c, c.input(0).shape());
            const auto x = c.in<T>(0);
            const auto y = c.out<T>(0);
            for (size_t i = 0; i < y.size(); ++i)
              y[i] = s.replaces(x[i]) ? s.imputed[i % features % s.imputed.size()] : x[i];
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
