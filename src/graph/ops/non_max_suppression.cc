#include <algorithm>
#include <numeric>

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[1,6,4]@0..1 f32[1,2,6]@0..1 i64{3} f32{0.5} f32{0.1}"},
    {"center_point_box=1", "f32[2,5,4]@0..1 f32[2,1,5]@0..1 i64[]{9} f32[]{0.2}"},
    {"", "f32[1,3,4] f32[1,1,3]"},
    {"", "f32[1,0,4] f32[1,1,0] i64{3}"},
};

struct Box {
  double y0, x0, y1, x1;
  double area() const { return (y1 - y0) * (x1 - x0); }
};

Box box_of(const double* v, bool center) {
  if (center) return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

double intersection_over_union(const Box& a, const Box& b) {
  const double h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0),
               w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  if (!(h > 0 && w > 0 && a.area() > 0 && b.area() > 0)) return 0;
  return h * w / (a.area() + b.area() - h * w);
}

/// Throws unless boxes are [batches, boxes, 4] and scores [batches, classes, boxes].
void check_shapes(const NodeView& a, const Shape& boxes, const Shape& scores) {
  if (boxes.rank() != 3 || scores.rank() != 3 || !may_equal(boxes[2], 4) || !may_equal(boxes[0], scores[0]) ||
      !may_equal(boxes[1], scores[2]))
    a.error("boxes are {}, scores {}: [batches, boxes, 4] and [batches, classes, boxes] are expected",
            to_string(boxes), to_string(scores));
}

double number(const OpCall& c, std::string_view what, int i, double otherwise) {
  return c.has_input(i) ? one_number(c, what, c.input(i)) : otherwise;
}

void forward(const OpCall& c) {
  const Shape &bs = c.input(0).shape(), &ss = c.input(1).shape();
  check_shapes(c, bs, ss);
  const double most = number(c, "max_output_boxes_per_class", 2, 0), iou = number(c, "iou_threshold", 3, 0),
               least = number(c, "score_threshold", 4, -INFINITY);
  if (!(iou >= 0 && iou <= 1)) c.error("iou_threshold is {}, 0 to 1 is expected", iou);
  const std::vector<double> boxes = to_doubles(c.input(0)), scores = to_doubles(c.input(1));
  if (scores.empty()) {  // there may be as many classes as a file likes
    c.allocate(0, &formats::kI64, {0, 3});
    return;
  }
  const bool center = c.attr_int("center_point_box", 0) != 0;
  std::vector<int64_t> selected;
  std::vector<int64_t> order;
  std::vector<Box> kept;
  for (int64_t b = 0; b < ss[0]; ++b)
    for (int64_t k = 0; k < ss[1]; ++k) {
      const double* score = scores.data() + (b * ss[1] + k) * ss[2];
      order.clear();
      for (int64_t i = 0; i < ss[2]; ++i)
        if (score[i] > least || (!c.has_input(4) && score[i] == least)) order.push_back(i);
      std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return score[i] > score[j]; });
      kept.clear();
      for (int64_t i : order) {
        if (static_cast<double>(kept.size()) >= most) break;
        const Box box = box_of(boxes.data() + (b * ss[2] + i) * 4, center);
        if (std::any_of(kept.begin(), kept.end(),
                        [&](const Box& other) { return intersection_over_union(box, other) > iou; }))
          continue;
        kept.push_back(box);
        selected.insert(selected.end(), {b, k, i});
      }
    }
  c.allocate(0, &formats::kI64, {static_cast<int64_t>(selected.size() / 3), 3});
  const auto y = c.out<int64_t>(0);
  for (size_t i = 0; i < selected.size(); ++i) y[i] = selected[i];
}

}  // namespace

/// boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold -> [selected, 3]: batch, class,
/// box. Of equal scores the first box comes first; a score that is no number is never selected.
extern constexpr OpDef kNonMaxSuppression{
    .name = "NonMaxSuppression",
    .since = 10,
    .source = "ONNX NonMaxSuppression",
    .inputs = {2, 5},
    .infer =
        [](const InferArgs& a) {
          if (a.has_shape(0) && a.has_shape(1)) check_shapes(a, a.shape(0), a.shape(1));
          return std::vector<Type>{{.format = &formats::kI64, .shape = Shape{kUnknownDim, 3}}};
        },
    .forward = forward,
    .stops_gradient = true,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
