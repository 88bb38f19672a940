// Integers beyond their range, as NumPy 1.24 has them: they wrap.
#include <gmock/gmock.h>

#include <limits>

#include "graph/evaluate.h"
#include "graph/testing/one_node.h"

namespace dunlin {
namespace {

using testing::ElementsAre;

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

TEST(Wrapping, Reductions) {
  const Tensor x = list<int64_t>({kMost, 2}), least = list<int64_t>({kLeast, -1});
  EXPECT_THAT(results<int64_t>("ReduceSum", {}, x), ElementsAre(kLeast + 1));
  EXPECT_THAT(results<int64_t>("ReduceProd", {}, x), ElementsAre(-2));
  EXPECT_THAT(results<int64_t>("ReduceSumSquare", {}, x), ElementsAre(5));
  EXPECT_THAT(results<int64_t>("ReduceL1", {}, least), ElementsAre(kLeast + 1));
}

TEST(Wrapping, ProductsAreExact) {
  // 2^53 + 1 is no double.
  const int64_t odd = (int64_t{1} << 53) + 1;
  const auto row = Tensor::of<int64_t>({1, 2}, {odd, kMost}), column = Tensor::of<int64_t>({2, 1}, {3, 2});
  EXPECT_THAT(results<int64_t>("MatMul", {}, row, column), ElementsAre(3 * odd - 2));
  EXPECT_THAT(results<int64_t>("Einsum", {{"equation", std::string("ij,jk->ik")}}, row, column),
              ElementsAre(3 * odd - 2));
  EXPECT_THAT(results<uint32_t>("MatMul", {}, list<uint32_t>({UINT32_MAX}), list<uint32_t>({2})),
              ElementsAre(UINT32_MAX - 1));
}

TEST(Wrapping, NotOfFloats) {
  EXPECT_TRUE(std::signbit(results<float>("Neg", {}, list<float>({0}))[0]));
  EXPECT_THAT(results<float>("Add", {}, list<float>({3e38f}), list<float>({3e38f})),
              ElementsAre(std::numeric_limits<float>::infinity()));
}

}  // namespace
}  // namespace dunlin
