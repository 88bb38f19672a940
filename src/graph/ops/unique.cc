#include <algorithm>
#include <numeric>

#include "graph/ops/lanes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32{2,1,1,3,4,3}", 21, 4},
                               {"sorted=0", "i64[2,3]{2,1,1,3,4,3}", 11, 4},
                               {"axis=0", "i32[4,2]@0..2", 21, 4},
                               {"axis=-2 sorted=0", "bool[2,5,1]@0..2", 21, 4},
                               {"", "f32[0]", 21, 1},
                               {"axis=1", "f32[0,1]", 21, 4}};

/// The slices of an axis (elements, without the attribute).
Lanes slices(const NodeView& a, const Shape& s) {
  if (!a.has_attr("axis")) return {.length = s.num_elements()};
  return lanes_along(s, a.normalize_axis(a.attr_int("axis", 0), s.rank()));
}

/// -1, 0 or 1; a NaN is larger than any number and equal to another.
template <typename C>
int compare(C x, C y) {
  if (x == y) return 0;
  const bool nan_x = x != x, nan_y = y != y;
  if (nan_x || nan_y) return nan_x == nan_y ? 0 : nan_x ? 1 : -1;
  return x < y ? -1 : 1;
}

template <typename T>
void unique(const OpCall& c) {
  const Shape& s = c.input(0).shape();
  const Lanes l = slices(c, s);
  if (l.outer * l.inner == 0 && l.length > 1) c.error("X is {}: its slices are empty", to_string(s));
  const Tensor dense = c.input(0).clone();
  const T* x = dense.data<T>();
  const auto order_of = [&](int64_t i, int64_t j) {
    for (int64_t o = 0; o < l.outer; ++o)
      for (int64_t k = 0; k < l.inner; ++k) {
        const auto at = [&](int64_t slice) {
          return static_cast<ComputeType<T>>(x[(o * l.length + slice) * l.inner + k]);
        };
        if (const int order = compare(at(i), at(j))) return order;
      }
    return 0;
  };
  std::vector<int64_t> order(static_cast<size_t>(l.length));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return order_of(i, j) < 0; });
  // The first of each run of equal slices, which is the one met first.
  std::vector<int64_t> first, counts, group_of(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || order_of(order[i - 1], order[i]) != 0) first.push_back(order[i]), counts.push_back(0);
    ++counts.back();
    group_of[static_cast<size_t>(order[i])] = static_cast<int64_t>(first.size()) - 1;
  }
  std::vector<int64_t> groups(first.size()), rank(first.size());
  std::iota(groups.begin(), groups.end(), 0);
  if (c.attr_int("sorted", 1) == 0)
    std::sort(groups.begin(), groups.end(), [&](int64_t i, int64_t j) {
      return first[static_cast<size_t>(i)] < first[static_cast<size_t>(j)];
    });
  for (size_t i = 0; i < groups.size(); ++i) rank[static_cast<size_t>(groups[i])] = static_cast<int64_t>(i);

  const auto count = static_cast<int64_t>(first.size());
  Shape out{count};
  if (c.has_attr("axis")) {
    out = s;
    out[c.normalize_axis(c.attr_int("axis", 0), s.rank())] = count;
  }
  c.allocate(0, c.input(0).format(), out);
  T* y = c.output(0).template data<T>();
  for (int64_t o = 0; o < l.outer; ++o)
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < l.inner; ++k)
        *y++ = x[(o * l.length + first[static_cast<size_t>(groups[static_cast<size_t>(i)])]) * l.inner + k];
  const auto give = [&](int i, int64_t size, auto value) {
    if (!c.has_output(i)) return;
    c.allocate(i, &formats::kI64, {size});
    const auto to = c.out<int64_t>(i);
    for (size_t k = 0; k < to.size(); ++k) to[k] = value(k);
  };
  give(1, count, [&](size_t k) { return first[static_cast<size_t>(groups[k])]; });
  give(2, l.length, [&](size_t k) { return rank[static_cast<size_t>(group_of[k])]; });
  give(3, count, [&](size_t k) { return counts[static_cast<size_t>(groups[k])]; });
}

}  // namespace

/// Y (slices of `axis`, or elements), indices of their first occurrence, inverse_indices, counts.
extern constexpr OpDef kUnique{
    .name = "Unique",
    .since = 11,
    .source = "ONNX Unique",
    .inputs = 1,
    .outputs = {1, 4},
    .infer =
        [](const InferArgs& a) {
          Shape y{kUnknownDim};
          if (a.has_attr("axis")) {
            y = a.shape(0);
            y[a.normalize_axis(a.attr_int("axis", 0), y.rank())] = kUnknownDim;
          }
          const Type list{.format = &formats::kI64, .shape = Shape{kUnknownDim}};
          return std::vector<Type>{{.format = a.format(0), .shape = y}, list, list, list};
        },
    .forward = [](const OpCall& c) { for_format(c.input(0).format(), [&]<typename T>() { unique<T>(c); }); },
    .stops_gradient = true,
    .strings = Strings::kNumbered,
    .costly = true,
    .samples = kSamples};

}  // namespace dunlin::ops
