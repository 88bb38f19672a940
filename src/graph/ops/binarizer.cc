#include "graph/ops/ml.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"threshold=0.25", "f32[3,4]"},
                               {"", "f64[2,1,5]"},
                               {"threshold=1.5", "i64[6]@-3..4"},
                               {"threshold=-1.0", "i32[2,3]@-3..4"}};
}

/// 1 where X is more than the threshold, 0 elsewhere.
extern constexpr OpDef kBinarizer{
    .name = "Binarizer",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.Binarizer",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_ml_number(a, 0);
          return infer_same(a);
        },
    .forward =
        [](const OpCall& c) {
          const double threshold = c.attr_float("threshold", 0);
          for_ml_number(c.input(0).format(), [&]<typename T>() {
            map_unary<T>(c, [&](T x) { return static_cast<T>(static_cast<double>(x) > threshold); });
          });
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
