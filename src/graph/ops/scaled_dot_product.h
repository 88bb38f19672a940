// Scaled dot-product attention of ONNX: sizes, mask and the probabilities of one query, for the op and its
// gradient.
#pragma once

#include <algorithm>
#include <cmath>

#include "graph/ops/channels.h"

namespace dunlin::ops {

enum AttentionInput { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kValidKeys };

/// Heads stand before the sequence (4 axes), or are parts of its rows (3 axes). Sizes may be unknown while types
/// are inferred.
struct AttentionSizes {
  bool heads_first = false;
  int64_t batch = 0, q_heads = 0, kv_heads = 0, q_length = 0, kv_length = 0, past = 0, head = 0, v_head = 0;

  int64_t total() const { return past < 0 || kv_length < 0 ? kUnknownDim : past + kv_length; }
  /// Rows of `heads` heads: where that of one head and place begins, counted in rows.
  int64_t row(int64_t b, int64_t h, int64_t i, int64_t heads, int64_t length) const {
    return heads_first ? (b * heads + h) * length + i : (b * length + i) * heads + h;
  }
  int64_t q_row(int64_t b, int64_t h, int64_t i) const { return row(b, h, i, q_heads, q_length); }
  int64_t kv_row(int64_t b, int64_t h, int64_t j) const { return row(b, h, j, kv_heads, kv_length); }
  /// Of keys and values with those of the past before them.
  int64_t present_row(int64_t b, int64_t h, int64_t j) const { return (b * kv_heads + h) * total() + j; }
  int64_t kv_head(int64_t h) const { return h / (q_heads / kv_heads); }
};

/// Checks the inputs, of which Q is input `first`.
AttentionSizes infer_attention_sizes(const InferArgs& a, int first);

/// The operands in double, Q being input `first`.
class AttentionOperands {
 public:
  AttentionOperands(const OpCall& c, int first);

  AttentionSizes n;
  double scale, softcap;
  std::vector<double> q, keys, values;  ///< keys and values: the present ones, [batch, kv_heads, total, .]

  /// Of one query, for every key: the scaled product, the same after the cap, with the mask, and its share.
  struct Row {
    std::vector<double> product, capped, masked, share;
  };
  void fill(Row& row, int64_t b, int64_t h, int64_t i) const;
  /// Where the mask's number for these stands; -1 where it has none.
  int64_t mask_at(int64_t b, int64_t h, int64_t i, int64_t j) const;
  bool has_float_mask() const { return float_mask_; }

 private:
  std::vector<double> present(const OpCall& c, int input, int past, int64_t width) const;
  bool causal_, float_mask_ = false;
  std::vector<double> mask_;
  Shape mask_shape_;
  std::vector<int64_t> valid_;
};

}  // namespace dunlin::ops
