#include "graph/ops/scaled_dot_product.h"

namespace dunlin::ops {

namespace {

constexpr int kFirst = 3;  ///< dY, d_present_key, d_present_value stand before the op's inputs

constexpr Sample kSamples[] = {
    {"is_causal=1 softcap=0.5", "f32[1,4,3,2] _ _ f32[1,4,3,2] f32[1,2,3,2] f32[1,2,3,2]", 21, 3},
    {"q_num_heads=4 kv_num_heads=2",
     "f32[2,3,12] f32[2,2,5,2] _ f32[2,3,8] f32[2,2,4] f32[2,2,6] f32[3,5] f32[2,2,3,2] f32[2,2,3,3]", 21, 6},
};

std::vector<Type> infer(const InferArgs& a) {
  infer_attention_sizes(a, kFirst);
  std::vector<Type> out;
  for (int k = 0; k < kValidKeys; ++k)
    if (a.has_input(kFirst + k)) out.push_back(a.type(kFirst + k));
  return out;
}

std::vector<double> given(const OpCall& c, int i, size_t count) {
  return c.has_input(i) ? to_doubles(c.input(i)) : std::vector<double>(count, 0.0);
}

void forward(const OpCall& c) {
  const AttentionOperands in(c, kFirst);
  const AttentionSizes& n = in.n;
  const int64_t total = n.total();
  const std::vector<double> dy =
      given(c, 0, static_cast<size_t>(n.batch * n.q_heads * n.q_length * n.v_head));
  std::vector<double> dq(in.q.size(), 0.0), d_keys = given(c, 1, in.keys.size()),
                                            d_values = given(c, 2, in.values.size()), d_mask;
  if (c.has_input(kFirst + kMask))
    d_mask.assign(static_cast<size_t>(c.input(kFirst + kMask).num_elements()), 0.0);
  AttentionOperands::Row row;
  std::vector<double> d_share(static_cast<size_t>(total));
  for (int64_t b = 0; b < n.batch; ++b)
    for (int64_t h = 0; h < n.q_heads; ++h)
      for (int64_t i = 0; i < n.q_length; ++i) {
        in.fill(row, b, h, i);
        const double* const d = dy.data() + n.q_row(b, h, i) * n.v_head;
        double mean = 0;
        for (int64_t j = 0; j < total; ++j) {
          const size_t at = static_cast<size_t>(j);
          const int64_t value = n.present_row(b, n.kv_head(h), j) * n.v_head;
          d_share[at] = 0;
          if (row.share[at] == 0) continue;
          for (int64_t e = 0; e < n.v_head; ++e) {
            d_share[at] += d[e] * in.values[static_cast<size_t>(value + e)];
            d_values[static_cast<size_t>(value + e)] += row.share[at] * d[e];
          }
          mean += row.share[at] * d_share[at];
        }
        const int64_t query = n.q_row(b, h, i) * n.head;
        for (int64_t j = 0; j < total; ++j) {
          const size_t at = static_cast<size_t>(j);
          if (row.share[at] == 0) continue;
          double ds = row.share[at] * (d_share[at] - mean);
          if (const int64_t m = in.mask_at(b, h, i, j); m >= 0) d_mask[static_cast<size_t>(m)] += ds;
          const double cap = in.softcap > 0 ? row.capped[at] / in.softcap : 0;
          ds *= (1 - cap * cap) * in.scale;
          const int64_t key = n.present_row(b, n.kv_head(h), j) * n.head;
          for (int64_t e = 0; e < n.head; ++e) {
            dq[static_cast<size_t>(query + e)] += ds * in.keys[static_cast<size_t>(key + e)];
            d_keys[static_cast<size_t>(key + e)] += ds * in.q[static_cast<size_t>(query + e)];
          }
        }
      }
  // The present keys and values are those of the past and then the new ones.
  const auto split = [&](const std::vector<double>& present, int64_t width, bool past) {
    std::vector<double> out(
        static_cast<size_t>(n.batch * n.kv_heads * (past ? n.past : n.kv_length) * width));
    for (int64_t b = 0; b < n.batch; ++b)
      for (int64_t h = 0; h < n.kv_heads; ++h)
        for (int64_t j = 0; j < (past ? n.past : n.kv_length); ++j)
          std::copy_n(present.data() + n.present_row(b, h, past ? j : n.past + j) * width, width,
                      out.data() + (past ? (b * n.kv_heads + h) * n.past + j : n.kv_row(b, h, j)) * width);
    return out;
  };
  const std::vector<double> all[] = {dq,     split(d_keys, n.head, false), split(d_values, n.v_head, false),
                                     d_mask, split(d_keys, n.head, true),  split(d_values, n.v_head, true)};
  int next = 0;
  for (int k = 0; k < kValidKeys; ++k) {
    if (!c.has_input(kFirst + k)) continue;
    if (k == kMask && !in.has_float_mask())
      ++next;  // zeros, as bool
    else
      store_doubles(c, next++, all[k]);
  }
}

}  // namespace

/// Gradient of Attention: dY, d_present_key, d_present_value (each may be left out), then the inputs of Attention
/// {its attributes} -> the gradients of those inputs that are there, in their order, nonpad_kv_seqlen left out.
extern constexpr OpDef kAttentionGrad{.name = "AttentionGrad",
                                      .domain = kDunlinDomain,
                                      .source = "Vaswani et al. 2017, differentiated",
                                      .inputs = {6, 10},
                                      .optional_inputs = 0b111,
                                      .outputs = {3, 6},
                                      .infer = infer,
                                      .forward = forward,
                                      .samples = kSamples};

}  // namespace dunlin::ops
