#include <algorithm>
#include <numeric>

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

/// An attribute before opset 10, input 1 since. none: not known yet.
std::optional<int64_t> count_of(const NodeView& a, const Tensor* input) {
  if (a.opset() < 10) return a.attr_int("k", -1);
  if (input == nullptr) return std::nullopt;
  return one_integer(a, "k", *input);
}

Shape top_shape(const NodeView& a, Shape s, std::optional<int64_t> k) {
  const int axis = a.normalize_axis(a.attr_int("axis", -1), s.rank());
  if (k && (*k < 0 || (s[axis] >= 0 && *k > s[axis])))
    a.error("k is {}, axis {} has {} elements", *k, axis, s[axis]);
  s[axis] = k.value_or(kUnknownDim);
  return s;
}

template <typename T>
void select(const OpCall& c, const Shape& s, int axis, int64_t k) {
  const bool largest = c.attr_int("largest", 1) != 0;
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < axis; ++d) outer *= s[d];
  for (int d = axis + 1; d < s.rank(); ++d) inner *= s[d];
  const auto x = c.in<T>(0);
  const auto values = c.out<T>(0);
  const auto indices = c.out<int64_t>(1);
  std::vector<int64_t> order(static_cast<size_t>(s[axis]));
  std::vector<ComputeType<T>> row(order.size());
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < inner; ++j) {
      for (int64_t i = 0; i < s[axis]; ++i)
        row[static_cast<size_t>(i)] =
            static_cast<ComputeType<T>>(x[static_cast<size_t>((o * s[axis] + i) * inner + j)]);
      std::iota(order.begin(), order.end(), 0);
      // NaN counts as larger than any number, which keeps the order strict; equal values keep the order of
      // their index.
      const auto less = [&](int64_t a, int64_t b) {
        const auto u = row[static_cast<size_t>(a)], v = row[static_cast<size_t>(b)];
        const bool nan_u = u != u, nan_v = v != v;
        if (nan_u || nan_v) return largest ? nan_u && !nan_v : nan_v && !nan_u;
        return largest ? u > v : u < v;
      };
      std::stable_sort(order.begin(), order.end(), less);
      for (int64_t i = 0; i < k; ++i) {
        const size_t to = static_cast<size_t>((o * k + i) * inner + j);
        values[to] = static_cast<T>(row[static_cast<size_t>(order[static_cast<size_t>(i)])]);
        indices[to] = order[static_cast<size_t>(i)];
      }
    }
}

constexpr Sample kSamples[] = {{"axis=1", "f32[2,5] i64{3}", 21, 2},
                               {"axis=0 largest=0", "f32[4,2,2] i64{2}", 11, 2},
                               {"", "i32[7]@-9..9 i64{7}", 21, 2},
                               {"k=2 axis=0", "f32[3,2]", 1, 2},
                               {"k=2", "f32[2,3]", 1, 1},
                               {"", "f32[2,4] i64{2}", 11, 1},
                               {"", "f32[2,3] i64{0}", 21, 2}};

}  // namespace

extern constexpr OpDef kTopK{
    .name = "TopK",
    .source = "ONNX TopK",
    .inputs = {1, 2},
    .outputs = 2,
    .infer =
        [](const InferArgs& a) {
          const Shape out = top_shape(a, a.shape(0), count_of(a, a.opset() < 10 ? nullptr : a.constant(1)));
          return std::vector<Type>{{.format = a.format(0), .shape = out},
                                   {.format = &formats::kI64, .shape = out}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& s = c.input(0).shape();
          const int64_t k = *count_of(c, c.opset() < 10 ? nullptr : &c.input(1));
          const Shape out = top_shape(c, s, k);
          if (!c.output(0)) c.allocate(0, c.input(0).format(), out);
          if (!c.output(1)) c.allocate(1, &formats::kI64, out);
          const int axis = c.normalize_axis(c.attr_int("axis", -1), s.rank());
          for_format(c.input(0).format(), [&]<typename T>() { select<T>(c, s, axis, k); });
        },
    .gradient =
        [](Grad& g) {
          if (g.out_grad(0) == kNoValue) return;
          ValueId indices = g.out(1);
          if (indices == kNoValue) {
            Attributes attributes = g.node().attributes;
            const ValueId k = g.opset() < 10 ? g.constant_ints({g.attr_int("k", 0)}) : g.in(1);
            attributes.erase("k");
            indices = g.emit_many("TopK", {g.in(0), k}, 2, std::move(attributes))[1];
          }
          g.to_input(0, g.emit("GatherElementsGrad", {g.out_grad(0), g.in(0), indices},
                               {{"axis", g.attr_int("axis", -1)}}));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
