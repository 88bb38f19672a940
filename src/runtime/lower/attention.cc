// Attention, recognised or as ONNX has it, on the fused kernel.
#include "graph/ops/fused_attention.h"

#include <cmath>

#include "kernels/contraction/attention.h"
#include "runtime/lower/families.h"
#include "tensor/strided.h"

namespace dunlin::lower {

namespace {

/// Sizes that no element bounds may be of any length.
bool is_empty(const LowerContext& c) { return c.out_shape(0).num_elements() == 0; }

/// `mask` is the input that holds it; -1 for none.
Lowered attention_step(const LowerContext& c, const AttentionShape& shape, std::vector<AttentionHead> heads,
                       int mask) {
  const Isa isa = c.isa();
  Lowered l{.kernel = "attention"};
  l.scratch_bytes = scratch_for(attention_scratch_floats(isa, shape, c.num_threads()));
  l.macs = static_cast<uint64_t>(heads.size()) * static_cast<uint64_t>(shape.queries) *
           static_cast<uint64_t>(shape.keys) * static_cast<uint64_t>(shape.head + shape.value_head);
  l.run = [=, heads = std::move(heads)](const StepArgs& args) {
    attention(isa, args.pool, shape, heads, args.x(0), args.x(1), args.x(2),
              mask < 0 ? nullptr : args.x(static_cast<size_t>(mask)), args.y(0), args.scratch_floats());
  };
  return l;
}

std::optional<Lowered> fused_attention(const LowerContext& c) {
  if (!c.all_f32() || is_empty(c)) return std::nullopt;
  const auto operand = [&](int i) { return ops::StridedOperand{c.shape(i), row_major_strides(c.shape(i))}; };
  const ops::StridedOperand mask = c.has_input(3) ? operand(3) : ops::StridedOperand{};
  const ops::AttentionView n =
      ops::view_attention(c, operand(0), operand(1), operand(2), c.has_input(3) ? &mask : nullptr,
                          row_major_strides(c.out_shape(0)));
  const bool dense = (n.column(n.q) == 1 || n.head == 1) && (n.column(n.y) == 1 || n.value_head == 1) &&
                     (!c.has_input(3) || n.column(n.mask) == 1 || n.keys == 1);
  if (!dense) return std::nullopt;
  const AttentionShape shape{.queries = n.queries,
                             .keys = n.keys,
                             .head = n.head,
                             .value_head = n.value_head,
                             .q_row = n.row(n.q),
                             .y_row = n.row(n.y),
                             .k_row = n.row(n.k),
                             .k_column = n.column(n.k),
                             .v_row = n.row(n.v),
                             .v_column = n.column(n.v),
                             .mask_row = n.row(n.mask),
                             .scale = c.attr_float("scale", 1)};
  std::vector<AttentionHead> heads;
  for_each_strided(
      n.batch,
      [&](size_t, int64_t q, int64_t k, int64_t v, int64_t m, int64_t y) {
        heads.push_back({q, k, v, m, y});
      },
      n.q, n.k, n.v, n.mask, n.y);
  return attention_step(c, shape, std::move(heads), c.has_input(3) ? 3 : -1);
}

/// Q, K, V, mask of ONNX Attention, without a past, a cap or lengths.
std::optional<Lowered> onnx_attention(const LowerContext& c) {
  if (!c.all_f32() || is_empty(c) || c.num_outputs() > 1 || c.attr_float("softcap", 0) > 0)
    return std::nullopt;
  for (int i = 4; i < c.num_inputs(); ++i)
    if (c.has_input(i)) return std::nullopt;
  const Shape &q = c.shape(0), &k = c.shape(1), &v = c.shape(2);
  const bool heads_first = q.rank() == 4;
  const auto heads_of = [&](const Shape& s, const char* name) {
    return heads_first ? s[1] : c.attr_int(name, 1);
  };
  const int64_t q_heads = heads_of(q, "q_num_heads"), kv_heads = heads_of(k, "kv_num_heads");
  const auto width = [&](const Shape& s, int64_t heads) {
    return s[s.rank() - 1] / (heads_first ? 1 : heads);
  };
  AttentionShape shape{.queries = q[q.rank() - 2], .keys = k[k.rank() - 2]};
  shape.head = width(q, q_heads);
  shape.value_head = width(v, kv_heads);
  shape.q_row = heads_first ? shape.head : q[2];
  shape.k_row = heads_first ? shape.head : k[2];
  shape.v_row = heads_first ? shape.value_head : v[2];
  shape.y_row = heads_first ? shape.value_head : q_heads * shape.value_head;
  shape.scale = c.has_attr("scale") ? c.attr_float("scale", 1)
                                    : static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head)));
  shape.causal = c.attr_int("is_causal", 0) != 0;
  shape.zero_where_hidden = true;
  Strides mask(4, 0);
  if (c.has_input(3)) {
    const Shape& m = c.shape(3);
    const int64_t scores[] = {q[0], q_heads, shape.queries, shape.keys};
    const Strides s = row_major_strides(m);
    for (int d = 0; d < m.rank(); ++d) {
      const int at = d + 4 - m.rank();
      if (at < 0 || (m[d] != scores[at] && (m[d] != 1 || at == 3))) return std::nullopt;
      if (m[d] != 1) mask[static_cast<size_t>(at)] = s[static_cast<size_t>(d)];
    }
    shape.mask_row = mask[2];
  }
  const auto begin = [&](int64_t b, int64_t h, int64_t heads, int64_t length, int64_t size) {
    return heads_first ? (b * heads + h) * length * size : (b * length * heads + h) * size;
  };
  std::vector<AttentionHead> heads;
  for (int64_t b = 0; b < q[0]; ++b)
    for (int64_t h = 0; h < q_heads; ++h) {
      const int64_t kv = h / (q_heads / kv_heads);
      heads.push_back({begin(b, h, q_heads, shape.queries, shape.head),
                       begin(b, kv, kv_heads, shape.keys, shape.head),
                       begin(b, kv, kv_heads, shape.keys, shape.value_head), b * mask[0] + h * mask[1],
                       begin(b, h, q_heads, shape.queries, shape.value_head)});
    }
  return attention_step(c, shape, std::move(heads), c.has_input(3) ? 3 : -1);
}

constexpr LowerEntry kEntries[] = {
    {"", "Attention", onnx_attention},
    {kDunlinDomain, "FusedAttention", fused_attention},
};

}  // namespace

std::span<const LowerEntry> attention() { return kEntries; }

}  // namespace dunlin::lower
