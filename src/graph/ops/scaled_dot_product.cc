#include "graph/ops/scaled_dot_product.h"

#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

/// Checks the shapes of Q, K, V and of the past keys (null: none).
AttentionSizes attention_sizes(const NodeView& a, const Shape& q, const Shape& k, const Shape& v,
                               const Shape* past) {
  if ((q.rank() != 3 && q.rank() != 4) || k.rank() != q.rank() || v.rank() != q.rank())
    a.error("Q is {}, K {}, V {}: 3 or 4 axes each are expected", to_string(q), to_string(k), to_string(v));
  AttentionSizes n;
  n.heads_first = q.rank() == 4;
  n.batch = q[0];
  n.q_heads = n.heads_first ? q[1] : a.attr_int("q_num_heads", 0);
  n.kv_heads = n.heads_first ? k[1] : a.attr_int("kv_num_heads", 0);
  n.q_length = q[n.heads_first ? 2 : 1];
  n.kv_length = k[n.heads_first ? 2 : 1];
  // Of a row, which holds one head or all of them.
  const auto width = [&](const Shape& s, int64_t heads, const char* name) {
    const int64_t all = s[s.rank() - 1];
    if (n.heads_first || all < 0) return all;
    if (heads < 1 || all % heads != 0)
      a.error("{} is {}, which {} heads do not divide", name, to_string(s), heads);
    return all / heads;
  };
  n.head = width(q, n.q_heads, "Q");
  n.v_head = width(v, n.kv_heads, "V");
  if (n.head == 0 || n.q_heads == 0 || n.kv_heads == 0)
    a.error("Q is {} and K is {}: at least one head of at least one number is expected", to_string(q),
            to_string(k));
  if (n.q_heads > 0 && n.kv_heads > 0 && n.q_heads % n.kv_heads != 0)
    a.error("{} heads of queries do not divide into {} heads of keys", n.q_heads, n.kv_heads);
  const int64_t k_head = width(k, n.kv_heads, "K");
  if (k_head >= 0 && n.head >= 0 && k_head != n.head)
    a.error("Q is {}, K is {}: their heads have {} and {} numbers", to_string(q), to_string(k), n.head,
            k_head);
  Shape like_k = k;
  like_k[0] = n.batch;
  if (!shapes_agree(k, like_k))
    a.error("Q is {}, K is {}: one batch is expected", to_string(q), to_string(k));
  like_k[k.rank() - 1] = v[v.rank() - 1];
  if (!shapes_agree(v, like_k)) a.error("V is {}, {} is expected", to_string(v), to_string(like_k));
  if (!past) return n;
  const Shape expected{n.batch, n.kv_heads, kUnknownDim, n.head};
  if (!shapes_agree(*past, expected))
    a.error("past_key is {}, {} is expected", to_string(*past), to_string(expected));
  n.past = (*past)[2];
  return n;
}

}  // namespace

AttentionSizes infer_attention_sizes(const InferArgs& a, int first) {
  const bool past = a.has_input(first + kPastKey);
  if (past != a.has_input(first + kPastValue)) a.error("past_key and past_value come together");
  if (past && a.has_input(first + kValidKeys)) a.error("nonpad_kv_seqlen and past_key do not come together");
  const Format lengths = a.has_input(first + kValidKeys) ? a.format(first + kValidKeys) : nullptr;
  if (lengths && lengths != &formats::kI64) a.error("nonpad_kv_seqlen is {}, i64 is expected", lengths->name);
  const AttentionSizes n =
      attention_sizes(a, a.shape(first + kQuery), a.shape(first + kKey), a.shape(first + kValue),
                      past ? &a.shape(first + kPastKey) : nullptr);
  if (!past || !a.has_shape(first + kPastValue)) return n;
  const Shape &got = a.shape(first + kPastValue), expected{n.batch, n.kv_heads, n.past, n.v_head};
  if (!shapes_agree(got, expected))
    a.error("past_value is {}, {} is expected", to_string(got), to_string(expected));
  return n;
}

AttentionOperands::AttentionOperands(const OpCall& c, int first)
    : n(attention_sizes(c, c.input(first + kQuery).shape(), c.input(first + kKey).shape(),
                        c.input(first + kValue).shape(),
                        c.has_input(first + kPastKey) ? &c.input(first + kPastKey).shape() : nullptr)),
      scale(c.has_attr("scale") ? static_cast<double>(c.attr_float("scale", 0))
                                : 1 / std::sqrt(static_cast<double>(n.head))),
      softcap(c.attr_float("softcap", 0)),
      q(to_doubles(c.input(first + kQuery))),
      keys(present(c, first + kKey, first + kPastKey, n.head)),
      values(present(c, first + kValue, first + kPastValue, n.v_head)),
      causal_(c.attr_int("is_causal", 0) != 0) {
  if (c.has_input(first + kMask)) {
    const Tensor& mask = c.input(first + kMask);
    float_mask_ = mask.format() != &formats::kBool;
    if (float_mask_)
      mask_ = to_doubles(mask);
    else
      for (int64_t allowed : to_ints(mask)) mask_.push_back(allowed ? 0 : -INFINITY);
    mask_shape_ = mask.shape();
    while (mask_shape_.rank() < 4) {
      Shape longer{1};
      for (int64_t d : mask_shape_) longer.push_back(d);
      mask_shape_ = longer;
    }
    const Shape expected{n.batch, n.q_heads, n.q_length, n.total()};
    const bool may_end = c.opset() >= 24 || c.node().domain == kDunlinDomain;  // before the keys do
    for (int d = 0; d < 4; ++d) {
      const bool cut = d == 3 && may_end && mask_shape_[d] < expected[d];
      if (mask_shape_.rank() > 4 || (mask_shape_[d] != expected[d] && mask_shape_[d] != 1 && !cut))
        c.error("attn_mask is {}, it does not broadcast to {}", to_string(mask.shape()), to_string(expected));
    }
  }
  if (!c.has_input(first + kValidKeys)) return;
  valid_ = to_ints(c.input(first + kValidKeys));
  if (valid_.size() != static_cast<size_t>(n.batch))
    c.error("nonpad_kv_seqlen holds {} lengths, {} are expected", valid_.size(), n.batch);
  for (int64_t length : valid_)
    if (length < 0 || length > n.total())
      c.error("nonpad_kv_seqlen holds {}, 0 to {} is expected", length, n.total());
}

std::vector<double> AttentionOperands::present(const OpCall& c, int input, int past, int64_t width) const {
  const std::vector<double> now = to_doubles(c.input(input));
  const std::vector<double> before = c.has_input(past) ? to_doubles(c.input(past)) : std::vector<double>();
  std::vector<double> out(static_cast<size_t>(n.batch * n.kv_heads * n.total() * width));
  for (int64_t b = 0; b < n.batch; ++b)
    for (int64_t h = 0; h < n.kv_heads; ++h)
      for (int64_t j = 0; j < n.total(); ++j) {
        const double* const from = j < n.past ? before.data() + ((b * n.kv_heads + h) * n.past + j) * width
                                              : now.data() + n.kv_row(b, h, j - n.past) * width;
        std::copy_n(from, width, out.data() + n.present_row(b, h, j) * width);
      }
  return out;
}

int64_t AttentionOperands::mask_at(int64_t b, int64_t h, int64_t i, int64_t j) const {
  if (mask_.empty()) return -1;
  const int64_t at[] = {b, h, i, j};
  int64_t offset = 0;
  for (int d = 0; d < 4; ++d) {
    // A mask that ends before the keys do hides the rest.
    const bool repeated = mask_shape_[d] == 1;
    if (!repeated && at[d] >= mask_shape_[d]) return -1;
    offset = offset * mask_shape_[d] + (repeated ? 0 : at[d]);
  }
  return offset;
}

void AttentionOperands::fill(Row& row, int64_t b, int64_t h, int64_t i) const {
  const size_t total = static_cast<size_t>(n.total());
  for (std::vector<double>* v : {&row.product, &row.capped, &row.masked, &row.share}) v->assign(total, 0.0);
  const double* const query = q.data() + n.q_row(b, h, i) * n.head;
  // Query i stands behind the past, or at the end of the keys that are valid.
  const int64_t valid = valid_.empty() ? n.total() : valid_[static_cast<size_t>(b)];
  const int64_t last =
      !causal_ ? n.total() : i + (valid_.empty() || n.past > 0 ? n.past : valid - n.q_length);
  double most = -INFINITY, sum = 0;
  for (size_t j = 0; j < total; ++j) {
    const int64_t at = static_cast<int64_t>(j);
    const double* const key = keys.data() + n.present_row(b, n.kv_head(h), at) * n.head;
    for (int64_t e = 0; e < n.head; ++e) row.product[j] += query[e] * key[e];
    row.product[j] *= scale;
    row.capped[j] = softcap > 0 ? softcap * std::tanh(row.product[j] / softcap) : row.product[j];
    const int64_t m = mask_at(b, h, i, at);
    const bool hidden = at > last || at >= valid || (m < 0 && !mask_.empty());
    row.masked[j] = hidden ? -INFINITY : row.capped[j] + (m < 0 ? 0 : mask_[static_cast<size_t>(m)]);
    most = std::max(most, row.masked[j]);
  }
  if (most == -INFINITY) return;  // nothing to see: all shares are 0
  for (size_t j = 0; j < total; ++j) sum += row.share[j] = std::exp(row.masked[j] - most);
  for (double& s : row.share) s /= sum;
}

}  // namespace dunlin::ops
