#include "graph/ops/class_loss.h"

namespace dunlin::ops {

ClassTargets class_targets(const OpCall& c, const Shape& scores, int labels, int weights) {
  ClassTargets t;
  t.classes = scores[1];
  for (int d = 2; d < scores.rank(); ++d) t.inner *= scores[d];
  t.label = to_ints(c.input(labels));
  const std::vector<double> by_class = c.has_input(weights)
                                           ? to_doubles(c.input(weights))
                                           : std::vector<double>(static_cast<size_t>(t.classes), 1.0);
  const bool ignores = c.has_attr("ignore_index");
  const int64_t ignored = c.attr_int("ignore_index", 0);
  double total = 0;
  for (int64_t& label : t.label) {
    if (ignores && label == ignored) {
      label = -1;
      t.weight.push_back(0);
      continue;
    }
    if (label < 0 || label >= t.classes)
      c.error("label {} is outside the {} classes of the scores {}", label, t.classes, to_string(scores));
    t.weight.push_back(by_class[static_cast<size_t>(label)]);
    total += t.weight.back();
  }
  if (c.attr_string("reduction", "mean") == "mean") t.denominator = total;
  return t;
}

Type class_loss_type(const InferArgs& a) {
  const Shape& scores = a.shape(0);
  if (scores.rank() < 2) a.error("the scores are {}, [N, C, ...] is expected", to_string(scores));
  Shape labels{scores[0]};
  for (int d = 2; d < scores.rank(); ++d) labels.push_back(scores[d]);
  if (a.has_shape(1)) {
    const Shape& got = a.shape(1);
    bool fits = got.rank() == labels.rank();
    for (int d = 0; fits && d < got.rank(); ++d) fits = got[d] < 0 || labels[d] < 0 || got[d] == labels[d];
    if (!fits)
      a.error("the scores are {}, the labels are {}, {} is expected", to_string(scores), to_string(got),
              to_string(labels));
  }
  if (a.has_shape(2) && a.shape(2).known() && scores[1] >= 0 && a.shape(2) != Shape{scores[1]})
    a.error("the scores are {}, the weights are {}, [{}] is expected", to_string(scores),
            to_string(a.shape(2)), scores[1]);
  const std::string reduction = a.attr_string("reduction", "mean");
  if (reduction == "none") return {.format = a.format(0), .shape = labels};
  if (reduction != "mean" && reduction != "sum")
    a.error("reduction is {}, none, mean or sum is expected", reduction);
  return {.format = a.format(0), .shape = Shape{}};
}

void store_loss(const OpCall& c, const ClassTargets& targets, std::vector<double> losses) {
  if (c.attr_string("reduction", "mean") == "none") return store_doubles(c, 0, losses);
  double sum = 0;
  for (double l : losses) sum += l;
  store_doubles(c, 0, {sum / targets.denominator});
}

std::vector<double> loss_gradients(const OpCall& c, const ClassTargets& targets, int dloss) {
  std::vector<double> d = to_doubles(c.input(dloss));
  if (c.attr_string("reduction", "mean") != "none")
    d.assign(targets.label.size(), d.at(0) / targets.denominator);
  for (size_t i = 0; i < d.size(); ++i) d[i] = targets.label[i] < 0 ? 0 : d[i] * targets.weight[i];
  return d;
}

}  // namespace dunlin::ops
