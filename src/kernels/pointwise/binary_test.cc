#include "kernels/pointwise/binary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dunlin/error.h"
#include "kernels/simd/kernel_testing.h"

namespace dunlin {
namespace {

constexpr BinaryOp kOps[] = {BinaryOp::kAdd, BinaryOp::kSub, BinaryOp::kMul, BinaryOp::kDiv,
                             BinaryOp::kMax, BinaryOp::kMin, BinaryOp::kPow, BinaryOp::kSquaredDifference};

double reference(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return a + b;
    case BinaryOp::kSub:
      return a - b;
    case BinaryOp::kMul:
      return a * b;
    case BinaryOp::kDiv:
      return a / b;
    case BinaryOp::kMax:
      return std::fmax(a, b);
    case BinaryOp::kMin:
      return std::fmin(a, b);
    case BinaryOp::kPow:
      return std::pow(a, b);
    case BinaryOp::kSquaredDifference:
      return (a - b) * (a - b);
  }
  return 0;
}

TEST(Binary, DenseMatchesDouble) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (BinaryOp op : kOps) {
      for (size_t n : kOddSizes) {
        const auto a = random_floats(n, 0.5, 3, 1), b = random_floats(n, 0.5, 3, 2);
        auto y = a;  // in place
        binary(pool, isa, op, y.data(), b.data(), y.data(), n);
        for (size_t i = 0; i < n; ++i) {
          const double expected = reference(op, a[i], b[i]);
          ASSERT_NEAR(y[i], expected, 4e-7 * (1 + std::fabs(expected))) << "op " << int(op) << " at " << i;
        }
      }
    }
  });
}

using Shape = std::vector<size_t>;
struct ShapePair {
  Shape a, b;
};
const ShapePair kShapes[] = {{{5, 19}, {19}},
                             {{19}, {5, 19}},
                             {{6, 7}, {6, 1}},
                             {{3, 1}, {1, 37}},
                             {{2, 49, 24}, {2, 1, 24}},
                             {{4, 3}, {}},
                             {{1}, {40000}},
                             {{2, 3, 4, 5}, {3, 1, 5}},
                             {{600, 65}, {65}},
                             {{2, 3, 1, 5}, {1, 4, 1}},
                             {{2, 1, 3, 1, 2}, {1, 5, 1, 4, 2}},
                             {{1, 1}, {1}},
                             {{300, 1, 70}, {300, 2, 1}}};

TEST(Binary, BroadcastMatchesNumpyRule) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const auto& [a_shape, b_shape] : kShapes) {
      const BroadcastDims d = BroadcastDims::of(a_shape, b_shape);
      size_t total = 1, na = 1, nb = 1;
      for (size_t i = 0; i < d.rank; ++i) total *= d.dims[i];
      for (size_t s : a_shape) na *= s;
      for (size_t s : b_shape) nb *= s;
      const auto a = random_floats(na, 0.5, 3, 1), b = random_floats(nb, 0.5, 3, 2);
      // The flat index of an input under a multi-index of the output, by the rule itself.
      const auto pick = [&](const Shape& shape, size_t flat) {
        size_t index = 0, stride = 1;
        for (size_t axis = d.rank; axis-- > 0; flat /= d.dims[axis]) {
          const size_t from_last = d.rank - 1 - axis;
          if (from_last >= shape.size()) continue;
          const size_t size = shape[shape.size() - 1 - from_last];
          if (size != 1) index += flat % d.dims[axis] * stride;
          stride *= size;
        }
        return index;
      };
      for (BinaryOp op : kOps) {
        std::vector<float> y(total, NAN);
        binary_broadcast(pool, isa, op, d, a.data(), b.data(), y.data());
        for (size_t i = 0; i < total; ++i) {
          const double expected = reference(op, a[pick(a_shape, i)], b[pick(b_shape, i)]);
          ASSERT_NEAR(y[i], expected, 4e-7 * (1 + std::fabs(expected))) << "op " << int(op) << " at " << i;
        }
      }
    }
  });
}

TEST(Binary, StridedInput) {  // b transposed: neither 0 nor 1 innermost
  ThreadPool pool(1);
  BroadcastDims d{.rank = 2, .dims = {3, 4}, .a_strides = {4, 1}, .b_strides = {1, 3}};
  const auto a = random_floats(12, -1, 1, 1), b = random_floats(12, -1, 1, 2);
  for (Isa isa : available_isas()) {
    std::vector<float> y(12);
    binary_broadcast(pool, isa, BinaryOp::kSub, d, a.data(), b.data(), y.data());
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 4; ++j) EXPECT_EQ(y[i * 4 + j], a[i * 4 + j] - b[i + j * 3]);
    }
  }
}

TEST(Binary, PowersAndNan) {
  ThreadPool pool(1);
  for (Isa isa : available_isas()) {
    for (float exponent : {2.f, 3.f, -1.f, 0.5f, 0.f}) {
      const auto a = random_floats(21, 0.1f, 3, 1);
      std::vector<float> y(21);
      const size_t shape[] = {21};
      binary_broadcast(pool, isa, BinaryOp::kPow, BroadcastDims::of(shape, {}), a.data(), &exponent,
                       y.data());
      for (size_t i = 0; i < 21; ++i) EXPECT_NEAR(y[i], std::pow(double(a[i]), exponent), 1e-6 * (1 + y[i]));
    }
    const float a[] = {NAN, 1}, b[] = {1, NAN};
    float y[2];
    for (BinaryOp op : {BinaryOp::kMax, BinaryOp::kMin}) {
      binary(pool, isa, op, a, b, y, 2);
      EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    }
  }
}

TEST(Binary, RefusesSizesThatDiffer) {
  const size_t a[] = {2, 3}, b[] = {4};
  EXPECT_THROW(BroadcastDims::of(a, b), Error);
}

TEST(Binary, Bf16IsFloatRoundedOnce) {
  for_each_isa_and_threads([](Isa isa, ThreadPool& pool) {
    for (const auto& [a_shape, b_shape] : kShapes) {
      const BroadcastDims d = BroadcastDims::of(a_shape, b_shape);
      size_t n = 1;
      for (size_t i = 0; i < d.rank; ++i) n *= d.dims[i];
      const auto a = rounded(random_floats(n, 0.1f, 2, 1)), b = rounded(random_floats(n, 0.1f, 2, 2));
      const auto wide_a = widened(a), wide_b = widened(b);
      for (BinaryOp op : kOps) {
        std::vector<float> wide(n);
        std::vector<BFloat16> y(n);
        binary_broadcast(pool, isa, op, d, wide_a.data(), wide_b.data(), wide.data());
        binary_broadcast(pool, isa, op, d, a.data(), b.data(), y.data());
        ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
        binary_broadcast(pool, isa, op, d, wide_a.data(), b.data(), y.data());
        ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
        binary_broadcast(pool, isa, op, d, a.data(), wide_b.data(), y.data());
        ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
        binary(pool, isa, op, wide_a.data(), wide_b.data(), wide.data(), n);
        binary(pool, isa, op, a.data(), b.data(), y.data(), n);
        ASSERT_NO_FATAL_FAILURE(expect_rounded(y, wide));
      }
    }
  });
}

}  // namespace
}  // namespace dunlin
