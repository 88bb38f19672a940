#include "graph/autodiff/grad.h"
#include "graph/ops/scaled_dot_product.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4,5] f32[2,3,6,5] f32[2,3,6,2]", 23},
    {"is_causal=1 softcap=0.5 scale=0.7", "f32[1,4,3,2] f32[1,2,3,2] f32[1,2,3,2]", 23},
    {"q_num_heads=4 kv_num_heads=2 is_causal=1",
     "f32[2,3,8] f32[2,2,4] f32[2,2,6] f32[3,5] f32[2,2,3,2] f32[2,2,3,3]", 23, 3},
    {"", "f32[1,2,3,2] f32[1,2,4,2] f32[1,2,4,2] bool[3,4]{1,1,0,1,0,0,0,0,1,0,1,0}", 23},
    {"", "f32[2,2,3,2] f32[2,1,4,2] f32[2,1,4,2] f32[2,1,1,3] _ _ i64{2,4}", 24},
    {"is_causal=1", "f32[2,2,3,2] f32[2,1,4,2] f32[2,1,4,2] _ _ _ i64{3,4}", 24},
};

std::vector<Type> infer(const InferArgs& a) {
  const AttentionSizes n = infer_attention_sizes(a, 0);
  const int64_t width = n.heads_first || n.v_head < 0 ? n.v_head : n.q_heads * n.v_head;
  const Shape y =
      n.heads_first ? Shape{n.batch, n.q_heads, n.q_length, width} : Shape{n.batch, n.q_length, width};
  const Format q = a.format(kQuery), v = a.format(kValue);
  std::vector<Type> out{{.format = q, .shape = y},
                        {.format = q, .shape = Shape{n.batch, n.kv_heads, n.total(), n.head}},
                        {.format = v, .shape = Shape{n.batch, n.kv_heads, n.total(), n.v_head}},
                        {.format = q, .shape = Shape{n.batch, n.q_heads, n.q_length, n.total()}}};
  // The products can be far larger than all else: left out, they take no memory.
  if (!a.has_output(3)) out[3] = {};
  return out;
}

void forward(const OpCall& c) {
  const AttentionOperands in(c, 0);
  const AttentionSizes& n = in.n;
  const int64_t mode = c.attr_int("qk_matmul_output_mode", 0), total = n.total();
  if (mode < 0 || mode > 3) c.error("qk_matmul_output_mode is {}, 0 to 3 is expected", mode);
  std::vector<double> y(static_cast<size_t>(n.batch * n.q_heads * n.q_length * n.v_head), 0.0), products;
  AttentionOperands::Row row;
  for (int64_t b = 0; b < n.batch; ++b)
    for (int64_t h = 0; h < n.q_heads; ++h)
      for (int64_t i = 0; i < n.q_length; ++i) {
        in.fill(row, b, h, i);
        double* const out = y.data() + n.q_row(b, h, i) * n.v_head;
        for (int64_t j = 0; j < total; ++j) {
          const double* const value = in.values.data() + n.present_row(b, n.kv_head(h), j) * n.v_head;
          // What nothing looks at may be no number.
          if (const double share = row.share[static_cast<size_t>(j)]; share != 0)
            for (int64_t e = 0; e < n.v_head; ++e) out[e] += share * value[e];
        }
        if (!c.has_output(3)) continue;
        const std::vector<double>* const stages[] = {&row.product, &row.capped, &row.masked, &row.share};
        products.insert(products.end(), stages[mode]->begin(), stages[mode]->end());
      }
  store_doubles(c, 0, y);
  store_doubles(c, 1, in.keys);
  store_doubles(c, 2, in.values);
  store_doubles(c, 3, products);
}

void gradient(Grad& g) {
  const auto of = [&](int i) { return g.has_output(i) ? g.out_grad(i) : kNoValue; };
  if (of(3) != kNoValue) g.unsupported("its output qk_matmul_output cannot be trained through");
  std::vector<ValueId> inputs{of(0), of(1), of(2)};
  std::vector<int> given;
  for (int i = 0; i < g.num_inputs(); ++i) {
    inputs.push_back(g.in(i));
    if (i < kValidKeys && g.has_input(i)) given.push_back(i);
  }
  const auto d =
      g.emit_many("AttentionGrad", std::move(inputs), static_cast<int>(given.size()), g.node().attributes);
  for (size_t i = 0; i < given.size(); ++i) g.to_input(given[i], d[i]);
}

}  // namespace

/// Q, K, V, attn_mask, past_key, past_value, nonpad_kv_seqlen -> Y, present_key, present_value, qk_matmul_output.
/// The cap comes before the mask, groups of query heads share a head of keys in order, and a causal query sees the
/// whole past, as the standard says since its correction of opsets 23 and 24.
extern constexpr OpDef kAttention{.name = "Attention",
                                  .since = 23,
                                  .source = "ONNX Attention",
                                  .inputs = {3, 7},
                                  .outputs = {1, 4},
                                  .infer = infer,
                                  .forward = forward,
                                  .gradient = gradient,
                                  .samples = kSamples};

}  // namespace dunlin::ops
