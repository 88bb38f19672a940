#include <gtest/gtest.h>

#include <cmath>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/contraction_testing.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

// C = f(alpha A B + beta R + bias), in double.
std::vector<double> reference(const GemmShape& s, const std::vector<float>& a, const std::vector<float>& b,
                              const Epilogue& e) {
  std::vector<double> c(static_cast<size_t>(s.m * s.n));
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < s.k; ++k) {
        sum += double(a[size_t(s.a_transposed ? k * s.lda + i : i * s.lda + k)]) *
               double(b[size_t(k * s.n + j)]);
      }
      sum *= s.alpha;
      if (e.residual) sum += double(s.beta) * double(e.residual[i * e.residual_stride + j]);
      if (e.bias) sum += double(e.bias[j]);
      c[size_t(i * s.n + j)] = apply(e.activation, sum);
    }
  }
  return c;
}

std::vector<float> transposed(const std::vector<float>& b, int64_t rows, int64_t columns) {
  std::vector<float> t(b.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) t[size_t(j * rows + i)] = b[size_t(i * columns + j)];
  return t;
}

class GemmTest : public testing::TestWithParam<GemmCase> {};

TEST_P(GemmTest, MatchesDouble) {
  const GemmCase p = GetParam();
  const double tolerance = 2e-6 * std::sqrt(double(p.k) + 1) + 1e-6;
  const auto b = random_floats(size_t(p.k * p.n), -1, 1, 2);
  const auto bias = random_floats(size_t(p.n), -1, 1, 3),
             residual = random_floats(size_t(p.m * (p.n + 5)), -1, 1, 4);
  const auto b_transpose = transposed(b, p.k, p.n);
  for (const bool a_transposed : {false, true}) {
    for (const bool extras : {false, true}) {
      GemmShape s{.m = p.m,
                  .n = p.n,
                  .k = p.k,
                  .lda = (a_transposed ? p.m : p.k) + 3,
                  .ldc = p.n + 1,
                  .a_transposed = a_transposed};
      Epilogue e;
      if (extras) {
        s.alpha = 0.5f;
        s.beta = -2;
        e = {bias.data(), residual.data(), p.n + 5, Activation::clip(-0.4f, 3.f)};
      }
      const auto a = random_floats(size_t((a_transposed ? p.k : p.m) * s.lda), -1, 1, 1);
      const auto want = reference(s, a, b, e);
      for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
        std::vector<float> packed(packed_b_floats(isa, p.k, p.n));
        if (extras) {  // B's order has nothing to do with them; two birds, one stone
          pack_b(isa, pool, p.k, p.n, b_transpose.data(), 1, p.k, packed.data());
        } else {
          pack_b(isa, pool, p.k, p.n, b.data(), p.n, 1, packed.data());
        }
        std::vector<float> c(size_t(p.m * s.ldc), 77.f);
        gemm(isa, pool, s, a.data(), packed.data(), c.data(), e);
        for (int64_t i = 0; i < p.m; ++i) {
          for (int64_t j = 0; j < p.n; ++j) {
            const double error = std::abs(c[size_t(i * s.ldc + j)] - want[size_t(i * p.n + j)]);
            ASSERT_TRUE(error <= tolerance) << i << ", " << j << " is off by " << error;
          }
          ASSERT_EQ(c[size_t(i * s.ldc + p.n)], 77.f) << "wrote behind row " << i;
        }
      });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GemmTest, testing::ValuesIn(kGemmCases), [](const auto& info) {
  return std::to_string(info.param.m) + "x" + std::to_string(info.param.n) + "x" +
         std::to_string(info.param.k);
});

TEST(Gemm, ActivationsMatchDouble) {
  const GemmShape s{.m = 9, .n = 37, .k = 50, .lda = 50, .ldc = 37};
  const auto a = random_floats(9 * 50, -1, 1, 1), b = random_floats(50 * 37, -1, 1, 2);
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> packed(packed_b_floats(isa, s.k, s.n)), c(9 * 37);
    pack_b(isa, pool, s.k, s.n, b.data(), s.n, 1, packed.data());
    for (const Activation& f : kActivations) {
      const Epilogue e{.activation = f};
      gemm(isa, pool, s, a.data(), packed.data(), c.data(), e);
      const auto want = reference(s, a, b, e);
      for (size_t i = 0; i < c.size(); ++i) ASSERT_NEAR(c[i], want[i], 2e-5) << int(f.kind) << " at " << i;
    }
  });
}

TEST(Gemm, AccumulatesInPlace) {
  const GemmShape s{.m = 20, .n = 30, .k = 1500, .lda = 1500, .ldc = 30};
  const auto a = random_floats(20 * 1500, -1, 1, 1), b = random_floats(1500 * 30, -1, 1, 2);
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> packed(packed_b_floats(isa, s.k, s.n));
    pack_b(isa, pool, s.k, s.n, b.data(), s.n, 1, packed.data());
    const auto before = random_floats(20 * 30, -1, 1, 5);
    auto c = before;
    gemm(isa, pool, s, a.data(), packed.data(), c.data(),
         {.residual = c.data(), .residual_stride = 30, .activation = {}});
    const auto want =
        reference(s, a, b, {.residual = before.data(), .residual_stride = 30, .activation = {}});
    for (size_t i = 0; i < c.size(); ++i) ASSERT_NEAR(c[i], want[i], 1e-4) << i;
  });
}

TEST(Gemm, NanAndInfinitySurviveTheEpilogue) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> a = {1, nan, inf, -inf};
  const std::vector<float> b(40, 1.f);
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    std::vector<float> packed(packed_b_floats(isa, 1, 40)), c(4 * 40);
    pack_b(isa, pool, 1, 40, b.data(), 40, 1, packed.data());
    const GemmShape s{.m = 4, .n = 40, .k = 1, .lda = 1, .ldc = 40};
    gemm(isa, pool, s, a.data(), packed.data(), c.data(), {.activation = Activation::relu()});
    for (size_t j = 0; j < 40; ++j) {
      ASSERT_EQ(c[j], 1.f);
      ASSERT_TRUE(std::isnan(c[40 + j]));
      ASSERT_EQ(c[80 + j], inf);
      ASSERT_EQ(c[120 + j], 0.f);
    }
  });
}

TEST(Gemm, BitsDoNotDependOnThreads) {
  const auto a = random_floats(150 * 1400, -1, 1, 1), b = random_floats(1400 * 200, -1, 1, 2);
  for (Isa isa : available_isas()) {
    for (const GemmCase p : {GemmCase{150, 200, 1400}, {20, 200, 1400}, {150, 20, 1000}, {3, 200, 1400}}) {
      EXPECT_TRUE(same_bits_on_any_threads([&](ThreadPool& pool) {
        std::vector<float> packed(packed_b_floats(isa, p.k, p.n)), c(size_t(p.m * p.n));
        pack_b(isa, pool, p.k, p.n, b.data(), p.n, 1, packed.data());
        gemm(isa, pool, {.m = p.m, .n = p.n, .k = p.k, .lda = p.k, .ldc = p.n}, a.data(), packed.data(),
             c.data());
        return c;
      })) << to_string(isa);
    }
  }
}

TEST(BatchedGemm, MatchesSingleProducts) {
  for_each_isa_and_threads([&](Isa isa, ThreadPool& pool) {
    for (const bool b_transposed : {false, true}) {
      for (const bool shared_b : {false, true}) {
        const int64_t m = 11, n = 29, k = 40, batch = 5;
        const auto a = random_floats(size_t(batch * m * k), -1, 1, 1),
                   b = random_floats(size_t(batch * k * n), -1, 1, 2);
        const auto residual = random_floats(size_t(batch * m * n), -1, 1, 3);
        const BatchedGemmShape s{.gemm = {.m = m, .n = n, .k = k, .lda = k, .ldc = n, .alpha = 0.125f},
                                 .batch = batch,
                                 .a_stride = m * k,
                                 .b_stride = shared_b ? 0 : k * n,
                                 .c_stride = m * n,
                                 .b_row_stride = b_transposed ? 1 : n,
                                 .b_column_stride = b_transposed ? k : 1};
        std::vector<float> c(size_t(batch * m * n)),
            scratch(batched_gemm_scratch_floats(isa, s, pool.size()));
        batched_gemm(isa, pool, s, a.data(), b.data(), c.data(),
                     {.residual = residual.data(), .residual_stride = n, .activation = {}}, scratch.data());
        for (int64_t i = 0; i < batch; ++i) {
          const std::vector<float> one_a(a.begin() + i * m * k, a.begin() + (i + 1) * m * k);
          std::vector<float> one_b(b.begin() + (shared_b ? 0 : i * k * n),
                                   b.begin() + (shared_b ? 1 : i + 1) * k * n);
          if (b_transposed) one_b = transposed(one_b, n, k);
          const auto want =
              reference(s.gemm, one_a, one_b,
                        {.residual = residual.data() + i * m * n, .residual_stride = n, .activation = {}});
          for (int64_t j = 0; j < m * n; ++j) ASSERT_NEAR(c[size_t(i * m * n + j)], want[size_t(j)], 1e-5);
        }
      }
    }
  });
}

}  // namespace
}  // namespace dunlin
