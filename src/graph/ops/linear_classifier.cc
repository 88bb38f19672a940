#include <algorithm>

#include "graph/ops/linear_scores.h"
#include "graph/ops/scores.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"coefficients=[0.5,-1.0,2.0,1.5,0.5,0.25] intercepts=[0.25,0.0,-0.5] classlabels_ints=[4,7,1]",
     "f32[5,2]", kNewestOpset, 2},
    {"coefficients=[0.5,-1.0,2.0] intercepts=[0.25] classlabels_ints=[0,1] post_transform='LOGISTIC'",
     "f32[4,3]", kNewestOpset, 2},
    {"coefficients=[0.5,-1.0,2.0,1.5] intercepts=[0.25,0.0] classlabels_ints=[0,1] post_transform='SOFTMAX'",
     "i64[2]@-3..4", kNewestOpset, 2},
    {"coefficients=[0.5,-1.0] intercepts=[0.25] classlabels_ints=[-1,1]", "f64[3,2]", kNewestOpset, 2},
    {"coefficients=[0.5,1.5,-1.0] classlabels_ints=[3,2,1] post_transform='SOFTMAX_ZERO'", "i32[4,1]@-1..2",
     kNewestOpset, 2}};

struct Classifier {
  LinearModel model;
  ClassLabels labels;
  bool one_score_for_two = false;
  int64_t columns() const { return one_score_for_two ? 2 : model.scores; }
};

Classifier read_classifier(const NodeView& a, int64_t features) {
  Classifier out{{attr_floats(a, "coefficients"), attr_floats(a, "intercepts")},
                 class_labels_of(a, "classlabels_ints", "classlabels_strings")};
  const auto labels = static_cast<int64_t>(out.labels.size());
  LinearModel& m = out.model;
  m.scores = labels;
  const bool fewer = m.intercepts.empty()
                         ? static_cast<int64_t>(m.coefficients.size()) == features && labels == 2
                         : m.intercepts.size() == 1 && labels == 2;
  if (fewer) m.scores = 1;
  out.one_score_for_two = fewer;
  check_linear(a, m, features);
  return out;
}

}  // namespace

/// X [N, C], or [C] for one row -> the label with the highest score, or by the sign of the only one; Z [N, classes] of
/// the scores after post_transform. multi_class says how the model was trained, and changes nothing here.
extern constexpr OpDef kLinearClassifier{
    .name = "LinearClassifier",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.LinearClassifier",
    .inputs = 1,
    .outputs = 2,
    .infer =
        [](const InferArgs& a) {
          check_ml_number(a, 0);
          post_transform_of(a);
          const Rows rows = rows_of(a, a.shape(0));
          const ClassLabels labels = class_labels_of(a, "classlabels_ints", "classlabels_strings");
          const int64_t columns =
              rows.features < 0 ? kUnknownDim : read_classifier(a, rows.features).columns();
          return std::vector<Type>{{.format = labels.format(), .shape = Shape{rows.count}},
                                   {.format = &formats::kF32, .shape = Shape{rows.count, columns}}};
        },
    .forward =
        [](const OpCall& c) {
          const PostTransform how = post_transform_of(c);
          const Rows rows = rows_of(c, c.input(0).shape());
          const Classifier m = read_classifier(c, rows.features);
          std::vector<size_t> picked(static_cast<size_t>(rows.count));
          const auto z = c.out<float>(1);
          size_t o = 0;
          for_each_linear_row(c, m.model, [&](size_t n, std::span<double> scores) {
            if (m.one_score_for_two) {
              picked[n] = scores[0] > 0 ? 1 : 0;
              for (double s : two_scores(how, scores[0])) z[o++] = static_cast<float>(s);
              return;
            }
            picked[n] = static_cast<size_t>(std::ranges::max_element(scores) - scores.begin());
            transform_scores(how, scores);
            for (double s : scores) z[o++] = static_cast<float>(s);
          });
          give_labels(c, m.labels, picked);
        },
    .strings = Strings::kTaken,
    .samples = kSamples};

}  // namespace dunlin::ops
