#include "graph/ops/linear_scores.h"
#include "graph/ops/scores.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"coefficients=[0.5,-1.0,2.0] intercepts=[0.25]", "f32[4,3]"},
    {"coefficients=[0.5,-1.0,2.0,1.5] targets=2", "f64[3,2]"},
    {"coefficients=[0.5,-1.0,2.0,1.5] intercepts=[0.5,-0.5] targets=2 post_transform='SOFTMAX'", "f32[3,2]"},
    {"coefficients=[0.5,-1.0,2.0,1.5] targets=2 post_transform='LOGISTIC'", "i64[2]@-3..4"},
    {"coefficients=[0.5] post_transform='NONE'", "i32[3,1]@-3..4"}};

LinearModel read_model(const NodeView& a) {
  return {attr_floats(a, "coefficients"), attr_floats(a, "intercepts"),
          bounded(a, "targets", {a.attr_int("targets", 1)}, 1, 1)[0]};
}

}  // namespace

/// X [N, C], or [C] for one row -> Y [N, targets]
extern constexpr OpDef kLinearRegressor{
    .name = "LinearRegressor",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.LinearRegressor",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          check_ml_number(a, 0);
          post_transform_of(a);
          const LinearModel m = read_model(a);
          const Rows rows = rows_of(a, a.shape(0));
          check_linear(a, m, rows.features);
          return std::vector<Type>{{.format = &formats::kF32, .shape = Shape{rows.count, m.scores}}};
        },
    .forward =
        [](const OpCall& c) {
          const PostTransform how = post_transform_of(c);
          const auto y = c.out<float>(0);
          size_t o = 0;
          for_each_linear_row(c, read_model(c), [&](size_t, std::span<double> scores) {
            transform_scores(how, scores);
            for (double s : scores) y[o++] = static_cast<float>(s);
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
