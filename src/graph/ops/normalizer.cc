#include <algorithm>
#include <cmath>

#include "graph/ops/ml.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"norm='MAX'", "f32[3,4]@1..5"},
                               {"norm='L1'", "f32[3,4]"},
                               {"norm='L2'", "f64[5,3]"},
                               {"norm='L2'", "i64[7]@-9..9"},
                               {"norm='L1'", "i32[2,2]{0,0,3,-1}"}};

enum class Norm : uint8_t { kMax, kL1, kL2 };

Norm norm_of(const NodeView& a) {
  const std::string norm = a.attr_string("norm", "MAX");
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    a.error("norm is \"{}\", MAX, L1 or L2 is expected", norm);
  return norm == "MAX" ? Norm::kMax : norm == "L1" ? Norm::kL1 : Norm::kL2;
}

/// By what a row is divided; 1 where that were 0.
template <typename Row>
double divisor(Norm norm, size_t features, const Row& row) {
  double sum = 0, largest = -INFINITY;
  for (size_t f = 0; f < features; ++f) {
    const double x = row(f);
    sum += norm == Norm::kL2 ? x * x : std::fabs(x);
    largest = std::max(largest, x);
  }
  const double d = norm == Norm::kMax ? largest : norm == Norm::kL2 ? std::sqrt(sum) : sum;
  return d == 0 ? 1 : d;
}

}  // namespace

/// Each row of X by its largest element, the sum of its magnitudes, or its length; rows of zeros stay.
extern constexpr OpDef kNormalizer{
    .name = "Normalizer",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.Normalizer",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_ml_number(a, 0);
          norm_of(a);
          rows_of(a, a.shape(0));
          return std::vector<Type>{{.format = &formats::kF32, .shape = a.shape(0)}};
        },
    .forward =
        [](const OpCall& c) {
          const Norm norm = norm_of(c);
          const Rows rows = rows_of(c, c.input(0).shape());
          const auto features = static_cast<size_t>(rows.features);
          for_ml_number(c.input(0).format(), [&]<typename T>() {
            const auto x = c.in<T>(0);
            const auto y = c.out<float>(0);
            for (size_t first = 0; first < y.size(); first += features) {
              const auto row = [&](size_t f) { return static_cast<double>(x[first + f]); };
              const double d = divisor(norm, features, row);
              for (size_t f = 0; f < features; ++f) y[first + f] = static_cast<float>(row(f) / d);
            }
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
