#include "graph/ops/max_unpool.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"kernel_shape=[2,2] strides=[2,2]", "f32[1,2,2,1] i64[1,2,2,1]{1,5,10,15}"},
    {"kernel_shape=[2,2] strides=[2,2]", "f32[1,1,2,2] i64[1,1,2,2]{5,7,13,15} i64{1,1,5,5}"},
    {"kernel_shape=[3] pads=[1,1]", "f32[2,1,3] i64[2,1,3]{0,1,2,3,4,5}", 9},
};
}  // namespace

Shape unpooled_shape(const NodeView& a, const Shape& x) {
  if (x.rank() < 3) a.error("X is {}, [N, C, spatial...] is expected", to_string(x));
  const auto rank = static_cast<size_t>(x.rank() - 2);
  if (!a.has_attr("kernel_shape")) a.error("kernel_shape is missing");
  const std::vector<int64_t> kernel = bounded_attribute(a, "kernel_shape", rank, 1, 1);
  const std::vector<int64_t> stride = bounded_attribute(a, "strides", rank, 1, 1);
  const std::vector<int64_t> pads = bounded_attribute(a, "pads", 2 * rank, 0, 0);
  Shape y{x[0], x[1]};
  for (size_t d = 0; d < rank; ++d) {
    const int64_t in = x[static_cast<int>(d) + 2];
    if (in < 0) {
      y.push_back(kUnknownDim);
      continue;
    }
    if (in > (int64_t{1} << 30)) a.error("X is {}: its axes are too long", to_string(x));
    const int64_t size = (in - 1) * stride[d] + kernel[d] - pads[d] - pads[rank + d];
    if (size < 0) a.error("X is {}: its unpooled axis {} would have {} elements", to_string(x), d + 2, size);
    y.push_back(size);
  }
  return y;
}

Shape max_unpool_shape(const NodeView& a, const Shape& x, const Tensor* asked) {
  const Shape inner = unpooled_shape(a, x);
  if (!asked) return inner;
  const Shape y = checked_shape(a, to_ints(*asked));
  bool fits = y.rank() == inner.rank();
  for (int d = 0; fits && d < y.rank(); ++d)
    fits = d < 2 ? y[d] == inner[d] || inner[d] < 0 : y[d] >= inner[d];
  if (!fits) a.error("output_shape is {}, at least {} is expected", to_string(y), to_string(inner));
  return y;
}

std::vector<size_t> unpooled_positions(const OpCall& c, const Shape& x, const Tensor& indices,
                                       const Shape& y) {
  if (indices.shape() != x)
    c.error("X is {}, the indices are {}: one shape is expected", to_string(x), to_string(indices.shape()));
  const Shape inner = unpooled_shape(c, x);
  const int64_t elements = inner.num_elements();
  const Strides strides = row_major_strides(y);
  std::vector<size_t> out;
  for (int64_t index : to_ints(indices)) {
    if (index < 0 || index >= elements)
      c.error("index {} is outside the unpooled {}", index, to_string(inner));
    int64_t position = 0;
    for (int d = inner.rank() - 1; d >= 0; --d) {
      position += index % inner[d] * strides[static_cast<size_t>(d)];
      index /= inner[d];
    }
    out.push_back(static_cast<size_t>(position));
  }
  return out;
}

/// X, I (positions of X's elements in the unpooled tensor), output_shape -> zeros but for X's elements. An
/// output_shape larger than the unpooled one adds zeros at the ends.
extern constexpr OpDef kMaxUnpool{
    .name = "MaxUnpool",
    .since = 9,
    .source = "ONNX MaxUnpool",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          const Shape& x = a.shape(0);
          if (a.has_input(2) && !a.constant(2)) {
            unpooled_shape(a, x);
            return std::vector<Type>{
                {.format = a.format(0), .shape = Shape(std::vector<int64_t>(x.dims().size(), kUnknownDim))}};
          }
          return std::vector<Type>{
              {.format = a.format(0),
               .shape = max_unpool_shape(a, x, a.has_input(2) ? a.constant(2) : nullptr)}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.input(0).shape();
          const Shape y = max_unpool_shape(c, x, optional_input(c, 2));
          if (!c.output(0)) c.allocate(0, c.input(0).format(), y);
          const std::vector<size_t> positions = unpooled_positions(c, x, c.input(1), y);
          const std::vector<double> from = to_doubles(c.input(0));
          std::vector<double> to(static_cast<size_t>(y.num_elements()), 0.0);
          for (size_t i = 0; i < from.size(); ++i) to[positions[i]] = from[i];
          store_doubles(c, 0, to);
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("MaxUnpoolGrad", {g.out_grad(0), g.in(0), g.in(1)}, g.node().attributes));
        },
    .samples = kSamples};

}  // namespace dunlin::ops
