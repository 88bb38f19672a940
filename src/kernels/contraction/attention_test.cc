#include "kernels/contraction/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// In double, from the definition.
std::vector<float> expected(const AttentionShape& s, const std::vector<AttentionHead>& heads, const float* q,
                            const float* k, const float* v, const float* mask, size_t size) {
  std::vector<float> y(size, 7);
  for (const AttentionHead& h : heads)
    for (int64_t i = 0; i < s.queries; ++i) {
      std::vector<double> share(static_cast<size_t>(s.keys));
      double most = -INFINITY, sum = 0;
      for (int64_t j = 0; j < s.keys; ++j) {
        double& x = share[static_cast<size_t>(j)];
        for (int64_t e = 0; e < s.head; ++e)
          x += double{q[h.q + i * s.q_row + e]} * double{k[h.k + j * s.k_row + e * s.k_column]};
        x *= double{s.scale};
        if (mask) x += double{mask[h.mask + i * s.mask_row + j]};
        if (s.causal && j > i) x = -INFINITY;
        most = std::max(most, x);
      }
      for (double& x : share) sum += x = std::exp(x - most);
      for (int64_t e = 0; e < s.value_head; ++e) {
        double out = 0;
        for (int64_t j = 0; j < s.keys; ++j)
          out += share[static_cast<size_t>(j)] / sum * double{v[h.v + j * s.v_row + e * s.v_column]};
        y[static_cast<size_t>(h.y + i * s.y_row + e)] =
            most == -INFINITY && s.zero_where_hidden ? 0.f : static_cast<float>(out);
      }
    }
  return y;
}

void expect_same(const std::vector<float>& got, const std::vector<float>& want) {
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(std::isnan(got[i]), std::isnan(want[i])) << i;
    if (!std::isnan(want[i])) ASSERT_NEAR(got[i], want[i], 3e-6) << i;
  }
}

/// Two heads side by side in rows, keys transposed, one mask row for all or one each; several blocks of queries.
TEST(Attention, MatchesDoubleForEveryStride) {
  struct Sizes {
    int64_t queries, keys, head, value_head;
  };
  for (const Sizes& n : {Sizes{1, 1, 1, 1}, {5, 7, 3, 2}, {300, 33, 16, 8}, {40, 2100, 8, 17}})
    for (bool transposed : {false, true})
      for (int masks : {0, 1, 2})
        for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
          AttentionShape s{.queries = n.queries, .keys = n.keys, .head = n.head, .value_head = n.value_head};
          s.scale = 0.7f;
          s.q_row = 2 * n.head;
          s.y_row = 2 * n.value_head;
          s.k_row = transposed ? 1 : 2 * n.head;
          s.k_column = transposed ? n.keys : 1;
          s.v_row = 2 * n.value_head;
          s.mask_row = masks == 2 ? n.keys : 0;
          s.causal = masks == 0 && n.queries == 300;
          const std::vector<AttentionHead> heads{
              {}, {n.head, transposed ? n.head * n.keys : n.head, n.value_head, 0, n.value_head}};
          const auto floats = [](int64_t count, unsigned seed) {
            return random_floats(static_cast<size_t>(count), -1, 1, seed);
          };
          const auto q = floats(2 * n.queries * n.head, 1), k = floats(2 * n.keys * n.head, 2),
                     v = floats(2 * n.keys * n.value_head, 3), mask = floats(n.queries * n.keys, 4);
          const float* m = masks ? mask.data() : nullptr;
          std::vector<float> y(static_cast<size_t>(2 * n.queries * n.value_head)),
              scratch(attention_scratch_floats(isa, s, pool.size()));
          attention(isa, pool, s, heads, q.data(), k.data(), v.data(), m, y.data(), scratch.data());
          expect_same(y, expected(s, heads, q.data(), k.data(), v.data(), m, y.size()));
          EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& other) {
            std::vector<float> again(y.size()), room(attention_scratch_floats(isa, s, other.size()));
            attention(isa, other, s, heads, q.data(), k.data(), v.data(), m, again.data(), room.data());
            return again;
          }));
        });
}

TEST(Attention, WhatTheMaskHidesWholly) {
  for (bool zero : {false, true})
    for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
      AttentionShape s{
          .queries = 4, .keys = 3, .head = 2, .value_head = 2, .q_row = 2, .y_row = 2, .k_row = 2};
      s.v_row = 2;
      s.mask_row = 3;
      s.zero_where_hidden = zero;
      const auto q = random_floats(8, -1, 1, 1), k = random_floats(6, -1, 1, 2),
                 v = random_floats(6, -1, 1, 3);
      const std::vector<float> mask{-kInf, -kInf, -kInf, 0, -kInf, 0, -kInf, -kInf, -kInf, -kInf, -kInf, 0};
      std::vector<float> y(8), scratch(attention_scratch_floats(isa, s, pool.size()));
      const std::vector<AttentionHead> heads(1);
      attention(isa, pool, s, heads, q.data(), k.data(), v.data(), mask.data(), y.data(), scratch.data());
      expect_same(y, expected(s, heads, q.data(), k.data(), v.data(), mask.data(), 8));
    });
}

}  // namespace
}  // namespace dunlin
