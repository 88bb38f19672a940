#include "graph/ops/ml.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"offset=[0.5,-1.0,2.0] scale=[2.0,0.5,-1.0]", "f32[4,3]"},
                               {"offset=[0.25] scale=[4.0]", "f64[2,5]"},
                               {"offset=[1.0,2.0] scale=[0.5,0.25]", "i64[3,2]@-9..9"},
                               {"offset=[1.5] scale=[3.0]", "i32[6]@-9..9"},
                               {"offset=[1.5,2.5] scale=[3.0]", "f32[0,2]"}};

struct Scaling {
  std::vector<float> offset, scale;
};
Scaling read_scaling(const NodeView& a, const Shape& x) {
  Scaling s{attr_floats(a, "offset"), attr_floats(a, "scale")};
  if (s.offset.empty()) s.offset = {0};
  if (s.scale.empty()) s.scale = {1};
  check_per_feature(a, "offset", s.offset.size(), features_of(x));
  check_per_feature(a, "scale", s.scale.size(), features_of(x));
  return s;
}

}  // namespace

/// (X - offset) * scale, each one number or one for each index of the last axis.
extern constexpr OpDef kScaler{
    .name = "Scaler",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.Scaler",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_ml_number(a, 0);
          read_scaling(a, a.shape(0));
          return std::vector<Type>{{.format = &formats::kF32, .shape = a.shape(0)}};
        },
    .forward =
        [](const OpCall& c) {
          const Scaling s = read_scaling(c, c.input(0).shape());
          const auto features = static_cast<size_t>(features_of(c.input(0).shape()));
          for_ml_number(c.input(0).format(), [&]<typename T>() {
            const auto x = c.in<T>(0);
            const auto y = c.out<float>(0);
            for (size_t i = 0; i < y.size(); ++i) {
              const size_t f = i % features;
              const double offset = s.offset[f % s.offset.size()], scale = s.scale[f % s.scale.size()];
              y[i] = static_cast<float>((static_cast<double>(x[i]) - offset) * scale);
            }
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
