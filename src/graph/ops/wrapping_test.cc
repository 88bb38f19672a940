// Integers beyond their range, as NumPy 1.24 has them: they wrap; and those of 64 bits that no double holds. Expectations
// are from exact arithmetic.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "graph/evaluate.h"
#include "graph/testing/one_node.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kTop = uint64_t{1} << 63;  // no int64_t
/// 2^53 + 1, which is no double.
constexpr int64_t kOdd = (int64_t{1} << 53) + 1;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kLeast = std::numeric_limits<int64_t>::min();

template <typename T>
Tensor list(std::initializer_list<T> values) {
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

template <typename T, typename... Inputs>
std::vector<T> results(std::string op, Attributes attributes, const Inputs&... inputs) {
  std::vector<Tensor> all;
  (all.push_back(inputs.view()), ...);
  const Tensor y = std::move(evaluate(one_node(std::move(op), all, std::move(attributes)), all)[0]);
  const auto values = y.values<T>();
  return {values.begin(), values.end()};
}

TEST(Wrapping, ElementByElement) {
  const Tensor x = list<int64_t>({kMost, kLeast}), one = list<int64_t>({1, 1});
  EXPECT_THAT(results<int64_t>("Add", {}, x, one), ElementsAre(kLeast, kLeast + 1));
  EXPECT_THAT(results<int64_t>("Sub", {}, x, one), ElementsAre(kMost - 1, kMost));
  EXPECT_THAT(results<int64_t>("Mul", {}, x, x), ElementsAre(1, 0));
  EXPECT_THAT(results<int64_t>("Neg", {}, x), ElementsAre(-kMost, kLeast));
  EXPECT_THAT(results<int64_t>("Abs", {}, x), ElementsAre(kMost, kLeast));
  const Tensor bytes = list<uint8_t>({200, 255}), shorts = list<uint16_t>({65535, 2});
  EXPECT_THAT(results<uint8_t>("Add", {}, bytes, bytes), ElementsAre(144, 254));
  EXPECT_THAT(results<uint8_t>("Sub", {}, list<uint8_t>({0, 3}), bytes), ElementsAre(56, 4));
  EXPECT_THAT(results<uint16_t>("Mul", {}, shorts, shorts), ElementsAre(1, 4));
  EXPECT_THAT(results<int32_t>("CumSum", {}, list<int32_t>({INT32_MAX, 1, 1}), Tensor::of<int64_t>({}, {0})),
              ElementsAre(INT32_MAX, INT32_MIN, INT32_MIN + 1));
}

TEST(Wrapping, NarrowerThanInt) {
  const Tensor x = list<int8_t>({127, -128, 100}), y = list<int8_t>({1, 1, 3});
  EXPECT_THAT(results<int8_t>("Add", {}, x, y), ElementsAre(-128, -127, 103));
  EXPECT_THAT(results<int8_t>("Sub", {}, y, x), ElementsAre(-126, -127, -97));
  EXPECT_THAT(results<int8_t>("Mul", {}, x, y), ElementsAre(127, -128, 44));
  EXPECT_THAT(results<int8_t>("Neg", {}, x), ElementsAre(-127, -128, -100));
  EXPECT_THAT(results<int8_t>("Abs", {}, x), ElementsAre(127, -128, 100));
  EXPECT_THAT(results<int8_t>("Pow", {}, list<int8_t>({3, -2}), list<int8_t>({5, 7})),
              ElementsAre(-13, -128));
  const Tensor shorts = list<int16_t>({32767, -32768, 300});
  EXPECT_THAT(results<int16_t>("Add", {}, shorts, shorts), ElementsAre(-2, 0, 600));
  EXPECT_THAT(results<int16_t>("Mul", {}, shorts, shorts), ElementsAre(1, 0, 24464));
  EXPECT_THAT(results<int16_t>("Neg", {}, shorts), ElementsAre(-32767, -32768, -300));
  EXPECT_THAT(results<uint16_t>("Pow", {}, list<uint16_t>({65535}), list<int32_t>({3})), ElementsAre(65535));
}

TEST(Wrapping, Scattered) {
  const Tensor x = list<int64_t>({kMost, kOdd}), at = Tensor::of<int64_t>({2, 1}, {0, 1}),
               updates = list<int64_t>({1, 3});
  EXPECT_THAT(results<int64_t>("ScatterND", {{"reduction", std::string("add")}}, x, at, updates),
              ElementsAre(kLeast, kOdd + 3));
  EXPECT_THAT(
      results<int64_t>("ScatterND", {{"reduction", std::string("mul")}}, x, at, list<int64_t>({2, 3})),
      ElementsAre(-2, 3 * kOdd));
  EXPECT_THAT(results<int8_t>("ScatterND", {{"reduction", std::string("add")}}, list<int8_t>({127, 1}), at,
                              list<int8_t>({1, -2})),
              ElementsAre(-128, -1));
}

TEST(Wrapping, ReductionsOfUnsigned) {
  const Tensor most = list<uint64_t>({UINT64_MAX}), top = list<uint64_t>({kTop}),
               two = list<uint64_t>({kTop, 2});
  EXPECT_THAT(results<uint64_t>("ReduceL1", {}, most), ElementsAre(UINT64_MAX));
  EXPECT_THAT(results<uint64_t>("ReduceL1", {}, two), ElementsAre(kTop + 2));
  EXPECT_THAT(results<uint64_t>("ReduceSum", {}, list<uint64_t>({UINT64_MAX, 3})), ElementsAre(2));
  EXPECT_THAT(results<uint64_t>("ReduceMean", {}, most), ElementsAre(UINT64_MAX));
  EXPECT_THAT(results<uint64_t>("ReduceMean", {}, two), ElementsAre(kTop / 2 + 1));
  EXPECT_THAT(results<uint64_t>("ReduceL2", {}, top), ElementsAre(kTop));
  EXPECT_THAT(results<uint64_t>("ReduceL2", {}, list<uint64_t>({UINT32_MAX})), ElementsAre(UINT32_MAX));
  EXPECT_THAT(results<uint32_t>("ReduceMean", {}, list<uint32_t>({UINT32_MAX, UINT32_MAX})),
              ElementsAre(UINT32_MAX));
}

TEST(Wrapping, NormsHoldBeyondTheSquaresOf64Bits) {
  const int64_t k = (int64_t{1} << 27) + 1;  // 3k, 4k, 5k: 25 k^2 is beyond 2^53
  EXPECT_THAT(results<int64_t>("ReduceL2", {}, list<int64_t>({3 * k, -4 * k})), ElementsAre(5 * k));
  EXPECT_THAT(results<int64_t>("ReduceL2", {}, list<int64_t>({int64_t{3} << 40, int64_t{4} << 40})),
              ElementsAre(int64_t{5} << 40));
}

TEST(Wrapping, Reductions) {
  const Tensor x = list<int64_t>({kMost, 2}), least = list<int64_t>({kLeast, -1});
  EXPECT_THAT(results<int64_t>("ReduceSum", {}, x), ElementsAre(kLeast + 1));
  EXPECT_THAT(results<int64_t>("ReduceProd", {}, x), ElementsAre(-2));
  EXPECT_THAT(results<int64_t>("ReduceSumSquare", {}, x), ElementsAre(5));
  EXPECT_THAT(results<int64_t>("ReduceL1", {}, least), ElementsAre(kLeast + 1));
}

TEST(Wrapping, ProductsAreExact) {
  const auto row = Tensor::of<int64_t>({1, 2}, {kOdd, kMost}), column = Tensor::of<int64_t>({2, 1}, {3, 2});
  EXPECT_THAT(results<int64_t>("MatMul", {}, row, column), ElementsAre(3 * kOdd - 2));
  EXPECT_THAT(results<int64_t>("Einsum", {{"equation", std::string("ij,jk->ik")}}, row, column),
              ElementsAre(3 * kOdd - 2));
  EXPECT_THAT(results<uint32_t>("MatMul", {}, list<uint32_t>({UINT32_MAX}), list<uint32_t>({2})),
              ElementsAre(UINT32_MAX - 1));
}

TEST(Wrapping, GemmIsExactWhileItsFactorsAreWhole) {
  const auto row = Tensor::of<int64_t>({1, 2}, {kOdd, kMost}), column = Tensor::of<int64_t>({2, 1}, {3, 2}),
             bias = Tensor::of<int64_t>({1}, {kOdd});
  EXPECT_THAT(results<int64_t>("Gemm", {}, row, column), ElementsAre(3 * kOdd - 2));
  EXPECT_THAT(results<int64_t>("Gemm", {{"alpha", 2.f}, {"beta", -1.f}}, row, column, bias),
              ElementsAre(5 * kOdd - 4));
  EXPECT_THAT(results<int32_t>("Gemm", {}, Tensor::of<int32_t>({1, 1}, {65536}),
                               Tensor::of<int32_t>({1, 1}, {65536}), Tensor::of<int32_t>({1}, {5})),
              ElementsAre(5));
  // 7 * 0.5 - 2 * 1.5, toward zero.
  EXPECT_THAT(results<int32_t>("Gemm", {{"alpha", 0.5f}, {"beta", -1.5f}}, Tensor::of<int32_t>({1, 1}, {7}),
                               Tensor::of<int32_t>({1, 1}, {1}), Tensor::of<int32_t>({1}, {2})),
              ElementsAre(0));
  EXPECT_THAT(results<uint64_t>("Gemm", {{"alpha", 0.5f}}, Tensor::of<uint64_t>({1, 1}, {kTop}),
                                Tensor::of<uint64_t>({1, 1}, {1})),
              ElementsAre(kTop / 2));
  // Without a bias -0 stays.
  EXPECT_TRUE(std::signbit(results<float>("Gemm", {{"alpha", -1.f}}, Tensor::of<float>({1, 1}, {0}),
                                          Tensor::of<float>({1, 1}, {1}))[0]));
}

TEST(Wrapping, RangeCountsInItsType) {
  const auto range = [](auto start, auto limit, auto delta) {
    using T = decltype(start);
    return results<T>("Range", {}, Tensor::of<T>({}, {start}), Tensor::of<T>({}, {limit}),
                      Tensor::of<T>({}, {delta}));
  };
  EXPECT_THAT(range(kOdd, kOdd + 2, int64_t{1}), ElementsAre(kOdd, kOdd + 1));
  EXPECT_THAT(range(kOdd + 2, kOdd, int64_t{-1}), ElementsAre(kOdd + 2, kOdd + 1));
  EXPECT_THAT(range(kMost - 1, kMost, int64_t{5}), ElementsAre(kMost - 1));
  EXPECT_THAT(range(kLeast, kMost, kMost), ElementsAre(kLeast, -1, kMost - 1));
  EXPECT_THAT(range(kMost, kLeast, kLeast), ElementsAre(kMost, -1));
  EXPECT_THAT(range(kTop, kTop + 2, uint64_t{1}), ElementsAre(kTop, kTop + 1));
  EXPECT_THAT(range(int8_t{-128}, int8_t{127}, int8_t{100}), ElementsAre(-128, -28, 72));
  EXPECT_THAT(range(int64_t{3}, int64_t{3}, int64_t{1}), IsEmpty());
  EXPECT_THAT(range(int64_t{3}, int64_t{4}, int64_t{-1}), IsEmpty());
  EXPECT_THROW(range(kLeast, kMost, int64_t{1}), Error);
  EXPECT_THROW(range(int64_t{0}, int64_t{1}, int64_t{0}), Error);
  EXPECT_THROW(results<int64_t>("Range", {}, Tensor::of<int64_t>({}, {0}), Tensor::of<int32_t>({}, {1}),
                                Tensor::of<int64_t>({}, {1})),
               Error);
}

TEST(Wrapping, FloatsBecomeIntegersInTheirRange) {
  const Attributes to{{"to", static_cast<int64_t>(formats::kU64.onnx_type)}};
  const auto x = list<double>({0x1p63, 0x1.8p63, 0x1p64 - 2048, 0x1p64, INFINITY, -1, -1e300, NAN, 0x1p62});
  EXPECT_THAT(results<uint64_t>("Cast", to, x),
              ElementsAre(kTop, kTop + kTop / 2, UINT64_MAX - 2047, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 0,
                          uint64_t{1} << 62));
  EXPECT_THAT(results<uint64_t>("Cast", to, list<float>({0x1p63f, 0x1p64f})), ElementsAre(kTop, UINT64_MAX));
}

TEST(Wrapping, NotOfFloats) {
  EXPECT_TRUE(std::signbit(results<float>("Neg", {}, list<float>({0}))[0]));
  EXPECT_THAT(results<float>("Add", {}, list<float>({3e38f}), list<float>({3e38f})),
              ElementsAre(std::numeric_limits<float>::infinity()));
}

}  // namespace
}  // namespace dunlin
