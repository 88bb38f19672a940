#include "graph/ops/optimizer_step.h"

namespace dunlin::ops {

namespace {

/// How many tensors are optimised.
int count_optimized(const NodeView& a, int num_states) {
  const int rest = a.num_inputs() - 2, groups = num_states + 2;
  if (rest < groups || rest % groups != 0)
    a.error("has {} inputs after R and T: {} for each optimised tensor are expected", rest, groups);
  return rest / groups;
}

}  // namespace

std::vector<Type> infer_optimizer_step(const InferArgs& a, int num_states) {
  const int n = count_optimized(a, num_states);
  for (int i = 0; i < 2; ++i)
    if (a.has_shape(i) && a.shape(i).known() && a.shape(i).num_elements() != 1)
      a.error("{} is {}, one number is expected", i == 0 ? "R" : "T", to_string(a.shape(i)));
  std::vector<Type> out;
  for (int group = 0; group < num_states + 2; ++group)
    for (int k = 0; k < n; ++k) {
      const Type &x = a.type(2 + k), &t = a.type(2 + group * n + k);
      if (x.format && t.format && x.format != t.format)
        a.error("input {} is {}, input {} {}: one type is expected", 2 + k, x.format->name, 2 + group * n + k,
                t.format->name);
      if (x.shape && t.shape && x.shape->known() && t.shape->known() && *x.shape != *t.shape)
        a.error("input {} is {}, input {} {}: one shape is expected", 2 + k, to_string(*x.shape),
                2 + group * n + k, to_string(*t.shape));
      if (group != 1) out.push_back(x);
    }
  return out;
}

void run_optimizer_step(const OpCall& c, int num_states, const std::function<void(OptimizedElement&)>& step) {
  const int n = count_optimized(c, num_states);
  for (int k = 0; k < n; ++k)
    for_float_format(c.input(2 + k).format(), [&]<typename T>() {
      const auto x = c.in<T>(2 + k), g = c.in<T>(2 + n + k);
      for (size_t i = 0; i < x.size(); ++i) {
        OptimizedElement e{to_double(x[i]), to_double(g[i]), {}};
        for (int s = 0; s < num_states; ++s) e.states[s] = to_double(c.in<T>(2 + (s + 2) * n + k)[i]);
        step(e);
        if (c.has_output(k)) c.out<T>(k)[i] = from_double<T>(e.x);
        for (int s = 0; s < num_states; ++s)
          if (c.has_output((s + 1) * n + k)) c.out<T>((s + 1) * n + k)[i] = from_double<T>(e.states[s]);
      }
    });
}

}  // namespace dunlin::ops
