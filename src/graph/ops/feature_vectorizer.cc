#include <algorithm>

#include "graph/ops/checks.h"
#include "graph/ops/ml.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"inputdimensions=[2,3]", "f32[4,2] f32[4,3]"},
                               {"inputdimensions=[4,2]", "i64[3,2]@-9..9 i64[3,5]@-9..9"},
                               {"inputdimensions=[3,1]", "f64[2] i32[4]@-9..9"},
                               {"", "f32[3,1] f32[3,2] f64[3,1]"}};

/// Of the output; unknown while an input's is.
int64_t rows_of_all(const InferArgs& a) {
  int64_t rows = kUnknownDim;
  for (int i = 0; i < a.num_inputs(); ++i) {
    const int64_t n = rows_of(a, a.shape(i)).count;
    if (!may_equal(rows, n)) a.error("input {} has {} rows, those before it {}", i, n, rows);
    if (n >= 0) rows = n;
  }
  return rows;
}

/// How many columns of the output input i fills.
std::vector<int64_t> widths_of(const NodeView& a) {
  return bounded(a, "inputdimensions", a.attr_ints("inputdimensions"), static_cast<size_t>(a.num_inputs()),
                 0);
}

}  // namespace

/// Inputs [N, C] or [C] -> their features one behind the other. Of an input with fewer than its entry of
/// inputdimensions says, the rest is 0; of one with more, the rest is cut.
extern constexpr OpDef kFeatureVectorizer{
    .name = "FeatureVectorizer",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.FeatureVectorizer",
    .inputs = {1, kVariadic},
    .infer =
        [](const InferArgs& a) {
          int64_t features = 0;
          for (int i = 0; i < a.num_inputs(); ++i) check_ml_number(a, i);
          if (a.has_attr("inputdimensions")) {
            for (int64_t w : widths_of(a)) features += w;
          } else {
            for (int i = 0; i < a.num_inputs(); ++i) {
              const int64_t w = rows_of(a, a.shape(i)).features;
              features = features < 0 || w < 0 ? kUnknownDim : features + w;
            }
          }
          return std::vector<Type>{{.format = &formats::kF32, .shape = Shape{rows_of_all(a), features}}};
        },
    .forward =
        [](const OpCall& c) {
          const auto y = c.out<float>(0);
          const int64_t all = c.output(0).shape()[1];
          const std::vector<int64_t> widths =
              c.has_attr("inputdimensions") ? widths_of(c) : std::vector<int64_t>();
          int64_t first = 0;
          for (int i = 0; i < c.num_inputs(); ++i) {
            const Rows rows = rows_of(c, c.input(i).shape());
            const int64_t width = widths.empty() ? rows.features : widths[static_cast<size_t>(i)];
            for_ml_number(c.input(i).format(), [&]<typename T>() {
              const auto x = c.in<T>(i);
              for (int64_t n = 0; n < rows.count; ++n)
                for (int64_t f = 0; f < width; ++f)
                  y[static_cast<size_t>(n * all + first + f)] =
                      f < rows.features ? static_cast<float>(x[static_cast<size_t>(n * rows.features + f)])
                                        : 0;
            });
            first += width;
          }
        },
    .samples = kSamples};

}  // namespace dunlin::ops
