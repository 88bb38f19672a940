#include "graph/ops/fused_attention.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/permutation.h"
#include "graph/ops/sizes.h"
#include "tensor/strided.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"scale=0.5", "f32[2,3,4,5] f32[2,3,6,5] f32[2,3,6,2]"},
    {"", "f32[3,2] f32[4,2] f32[4,2] f32[4]"},
    {"scale=0.3 perm_k=[0,1,3,2]", "f32[1,2,3,4] f32[1,2,4,5] f32[1,2,5,3] f32[2,1,5]"},
    {"perm_q=[0,2,1,3] perm_k=[0,2,1,3] perm_v=[0,2,1,3] perm_y=[0,2,1,3]",
     "f32[2,17,3,4] f32[2,9,3,4] f32[2,9,3,2] f32[2,1,17,9]"},
    {"perm_q=[1,0,2] perm_k=[1,2,0] perm_v=[1,0,2] perm_y=[1,0,2]", "f32[5,6,4] f32[4,6,7] f32[7,6,3]"},
};

Permutation perm_of(const NodeView& a, std::string_view name, int rank) {
  return permutation_of(a, name, identity_permutation(rank));
}

Shape permuted(const Shape& shape, const std::vector<int64_t>& perm) {
  Shape out;
  for (int64_t p : perm) out.push_back(shape[static_cast<int>(p)]);
  return out;
}
/// Sizes may be unknown.
void check_mask(const NodeView& a, const Shape& mask, const Shape& scores) {
  const int lead = scores.rank() - mask.rank();
  for (int d = 0; d < mask.rank(); ++d)
    if (lead < 0 || (mask[d] != 1 && mask[d] >= 0 && scores[lead + d] >= 0 && mask[d] != scores[lead + d]))
      a.error("the mask is {}, it does not broadcast to {}", to_string(mask), to_string(scores));
}

Strides permuted(const Strides& strides, const std::vector<int64_t>& perm) {
  Strides out;
  for (int64_t p : perm) out.push_back(strides[static_cast<size_t>(p)]);
  return out;
}

std::vector<Type> infer(const InferArgs& a) {
  for (int i = 1; i < a.num_inputs(); ++i)
    if (a.has_input(i) && a.format(i) && a.format(0) && a.format(i) != a.format(0))
      a.error("input {} is {}, q is {}: one type is expected", i, a.format(i)->name, a.format(0)->name);
  const Shape &q = a.shape(0), &k = a.shape(1), y = fused_attention_shape(a, q, k, a.shape(2));
  if (a.has_input(3)) {
    const int r = q.rank();
    Shape scores = permuted(q, perm_of(a, "perm_q", r));
    scores[r - 1] = permuted(k, perm_of(a, "perm_k", r))[r - 2];
    check_mask(a, a.shape(3), scores);
  }
  return {{.format = a.format(0), .shape = y}};
}

void forward(const OpCall& c) {
  if (c.output(0).num_elements() == 0) return;  // the keys may then be of any number
  const auto operand = [&](int i) { return StridedOperand{c.input(i).shape(), c.input(i).strides()}; };
  const StridedOperand mask = c.has_input(3) ? operand(3) : StridedOperand{};
  const AttentionView n = view_attention(c, operand(0), operand(1), operand(2),
                                         c.has_input(3) ? &mask : nullptr, c.output(0).strides());
  const double scale = static_cast<double>(c.attr_float("scale", 1));
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const T *q = c.in<T>(0).data(), *k = c.in<T>(1).data(), *v = c.in<T>(2).data();
    const T* m = c.has_input(3) ? c.in<T>(3).data() : nullptr;
    T* y = c.out<T>(0).data();
    std::vector<double> share(static_cast<size_t>(n.keys));
    const auto one_head = [&](size_t, int64_t qo, int64_t ko, int64_t vo, int64_t mo, int64_t yo) {
      for (int64_t i = 0; i < n.queries; ++i) {
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n.keys; ++j) {
          double x = 0;
          for (int64_t e = 0; e < n.head; ++e)
            x += to_double(q[qo + i * n.row(n.q) + e * n.column(n.q)]) *
                 to_double(k[ko + j * n.row(n.k) + e * n.column(n.k)]);
          x *= scale;
          if (m) x += to_double(m[mo + i * n.row(n.mask) + j * n.column(n.mask)]);
          most = std::max(most, share[static_cast<size_t>(j)] = x);
        }
        for (double& x : share) sum += x = std::exp(x - most);
        for (int64_t e = 0; e < n.value_head; ++e) {
          double out = 0;
          for (int64_t j = 0; j < n.keys; ++j)
            out +=
                share[static_cast<size_t>(j)] / sum * to_double(v[vo + j * n.row(n.v) + e * n.column(n.v)]);
          y[yo + i * n.row(n.y) + e * n.column(n.y)] = from_double<T>(out);
        }
      }
    };
    for_each_strided(n.batch, one_head, n.q, n.k, n.v, n.mask, n.y);
  });
}

}  // namespace

Shape fused_attention_shape(const NodeView& a, const Shape& q, const Shape& k, const Shape& v) {
  const int r = q.rank();
  if (r < 2 || k.rank() != r || v.rank() != r)
    a.error("q is {}, k {}, v {}: one rank of at least 2 is expected", to_string(q), to_string(k),
            to_string(v));
  const Shape left = permuted(q, perm_of(a, "perm_q", r)), keys = permuted(k, perm_of(a, "perm_k", r)),
              values = permuted(v, perm_of(a, "perm_v", r));
  Shape like_q = left, like_k = keys;
  like_q[r - 2] = keys[r - 2];
  like_k[r - 1] = values[r - 1];
  if (!shapes_agree(keys, like_q) || !shapes_agree(values, like_k))
    a.error("Q is {}, K {}, V {}: matrices of one batch, head and number of keys are expected",
            to_string(left), to_string(keys), to_string(values));
  Shape y = left;
  y[r - 1] = values[r - 1];
  return permuted(y, perm_of(a, "perm_y", r));
}

AttentionView view_attention(const NodeView& a, const StridedOperand& q, const StridedOperand& k,
                             const StridedOperand& v, const StridedOperand* mask, const Strides& y) {
  const int r = q.shape.rank();
  const auto perm_q = perm_of(a, "perm_q", r), perm_k = perm_of(a, "perm_k", r),
             perm_v = perm_of(a, "perm_v", r), perm_y = perm_of(a, "perm_y", r);
  const Shape left = permuted(q.shape, perm_q);
  std::vector<int64_t> from_y(perm_y.size());
  for (size_t i = 0; i < perm_y.size(); ++i) from_y[static_cast<size_t>(perm_y[i])] = static_cast<int64_t>(i);
  AttentionView n{.batch = {},
                  .queries = left[r - 2],
                  .keys = permuted(k.shape, perm_k)[r - 2],
                  .head = left[r - 1],
                  .value_head = permuted(v.shape, perm_v)[r - 1],
                  .q = permuted(q.strides, perm_q),
                  .k = permuted(k.strides, perm_k),
                  .v = permuted(v.strides, perm_v),
                  .mask = Strides(static_cast<size_t>(r), 0),
                  .y = permuted(y, from_y)};
  for (int d = 0; d < r - 2; ++d) n.batch.push_back(left[d]);
  Shape scores = left;
  scores[r - 1] = n.keys;
  if (mask) check_mask(a, mask->shape, scores);
  for (int d = 0; mask && d < mask->shape.rank(); ++d) {
    const int at = d + r - mask->shape.rank();
    if (mask->shape[d] != 1) n.mask[static_cast<size_t>(at)] = mask->strides[static_cast<size_t>(d)];
  }
  return n;
}

/// q, k, v, mask (optional) -> Transpose(softmax(scale * Q K^T + mask) V, perm_y) with Q = Transpose(q, perm_q) and so
/// on {scale, perm_q, perm_k, perm_v, perm_y}. Made by passes/recognize_attention.h.
extern constexpr OpDef kFusedAttention{.name = "FusedAttention",
                                       .domain = kDunlinDomain,
                                       .source = "ONNX MatMul, Mul, Add, Softmax and MatMul",
                                       .inputs = {3, 4},
                                       .infer = infer,
                                       .forward = forward,
                                       .samples = kSamples};

}  // namespace dunlin::ops
