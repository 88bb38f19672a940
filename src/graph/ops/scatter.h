// What ScatterElements, ScatterND and GatherND share.
#pragma once

#include <algorithm>

#include "graph/ops/gather.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

enum class Reduction : uint8_t { kNone, kAdd, kMul, kMax, kMin };

inline Reduction reduction_of(const NodeView& a) {
  const std::string name = a.attr_string("reduction", "none");
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<Reduction>(i);
  a.error("reduction is \"{}\": none, add, mul, max or min is expected", name);
}

/// The type of input 0, after a look at the ranks.
inline std::vector<Type> infer_scatter(const InferArgs& a) {
  reduction_of(a);
  return {a.type(0)};
}

/// y starts as a copy of input 0; then calls visit(put) where put(o, i) lets element o of input 2 meet
/// element i of y.
template <typename Visit>
void scatter(const OpCall& c, Visit visit) {
  copy_logical(c.input(0), c.output(0));
  const Reduction reduction = reduction_of(c);
  if (c.input(2).format() != c.input(0).format())
    c.error("updates are {}, data are {}", c.input(2).format()->name, c.input(0).format()->name);
  if (reduction == Reduction::kNone)
    return for_word(c.input(0).format(), [&]<typename Word>() {
      const auto updates = word_elements<Word>(c.input(2));
      const auto y = word_elements<Word>(c.output(0));
      visit([&](size_t o, size_t i) { y[i] = updates[o]; });
    });
  for_format(c.input(0).format(), [&]<typename T>() {
    if constexpr (std::is_same_v<T, bool>) {
      c.unsupported("reductions of bool are not supported");
    } else {
      const auto updates = c.in<T>(2);
      const auto y = c.out<T>(0);
      visit([&](size_t o, size_t i) {
        const auto a = static_cast<ComputeType<T>>(y[i]), b = static_cast<ComputeType<T>>(updates[o]);
        y[i] = static_cast<T>(reduction == Reduction::kAdd   ? wrapping::add(a, b)
                              : reduction == Reduction::kMul ? wrapping::mul(a, b)
                              : reduction == Reduction::kMax ? std::max(a, b)
                                                             : std::min(a, b));
      });
    }
  });
}

void scatter_elements(const OpCall& c);
void scatter_elements_gradient(Grad& g);

/// How GatherND and ScatterND read their indices [batch..., rows..., depth]: each row of `depth` numbers
/// names a slice of a tensor shaped `x`.
struct NdIndices {
  int64_t depth = 0;
  int64_t slice_size = 1;
  Shape result;  ///< the shape of what is gathered or scattered
};

inline NdIndices nd_indices(const NodeView& a, const Shape& x, const Shape& indices, int64_t batch_dims) {
  const int q = indices.rank(), r = x.rank();
  if (q < 1 || r < 1 || batch_dims < 0 || batch_dims >= std::min(q, r) || indices[q - 1] > r - batch_dims)
    a.error("indices {} and batch_dims {} do not fit data {}", to_string(indices), batch_dims, to_string(x));
  for (int d = 0; d < batch_dims; ++d)
    if (x[d] >= 0 && indices[d] >= 0 && x[d] != indices[d])
      a.error("indices {} and data {} differ in batch axis {}", to_string(indices), to_string(x), d);
  NdIndices n;
  n.depth = indices[q - 1];
  for (int d = 0; d < q - 1; ++d) n.result.push_back(indices[d]);
  if (n.depth < 0) return n;  // not known yet
  for (int d = static_cast<int>(batch_dims + n.depth); d < r; ++d) n.result.push_back(x[d]);
  return n;
}

/// Calls f(o, i) for the elements of each slice: o counts them in the gathered order, i is the place in x.
template <typename F>
void for_each_nd_element(const NodeView& c, const Shape& x, const Tensor& indices, int64_t batch_dims,
                         F&& f) {
  NdIndices n = nd_indices(c, x, indices.shape(), batch_dims);
  const std::vector<int64_t> numbers = to_ints(indices);
  const Strides strides = row_major_strides(x);
  int64_t batches = 1, rows = 1;
  for (int d = 0; d < batch_dims; ++d) batches *= x[d];
  for (int d = static_cast<int>(batch_dims); d < indices.shape().rank() - 1; ++d) rows *= indices.shape()[d];
  for (int d = static_cast<int>(batch_dims + n.depth); d < x.rank(); ++d) n.slice_size *= x[d];
  int64_t batch_stride = 1;
  for (int d = static_cast<int>(batch_dims); d < x.rank(); ++d) batch_stride *= x[d];
  size_t o = 0;
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t row = 0; row < rows; ++row) {
      int64_t at = b * batch_stride;
      for (int64_t k = 0; k < n.depth; ++k) {
        const int d = static_cast<int>(batch_dims + k);
        at += checked_index(c, numbers[static_cast<size_t>((b * rows + row) * n.depth + k)], x[d]) *
              strides[static_cast<size_t>(d)];
      }
      for (int64_t e = 0; e < n.slice_size; ++e) f(o++, static_cast<size_t>(at + e));
    }
}

}  // namespace dunlin::ops
