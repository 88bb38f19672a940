// dunlin.FusedAttention: where its operands' elements lie, seen through its transpositions.
#pragma once

#include "graph/op.h"

namespace dunlin::ops {

struct StridedOperand {
  Shape shape;
  Strides strides;
};

/// All strides by the axes of the product: `batch`, then the two of the matrix; those of the mask are 0 where it
/// repeats.
struct AttentionView {
  Shape batch;
  int64_t queries = 0, keys = 0, head = 0, value_head = 0;
  Strides q, k, v, mask, y;

  /// Of the matrix's rows, or columns.
  int64_t row(const Strides& s) const { return s[s.size() - 2]; }
  int64_t column(const Strides& s) const { return s[s.size() - 1]; }
};

/// The shape of Y from those of q, k and v; sizes may be unknown.
Shape fused_attention_shape(const NodeView& a, const Shape& q, const Shape& k, const Shape& v);

/// `mask` null: there is none. All sizes are known, and fused_attention_shape() has checked them.
AttentionView view_attention(const NodeView& a, const StridedOperand& q, const StridedOperand& k,
                             const StridedOperand& v, const StridedOperand* mask, const Strides& y);

}  // namespace dunlin::ops
