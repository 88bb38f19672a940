#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "i64[2,2]{1,0,3,0}"}, {"", "bool[3]{1,0,1}"}, {"", "f32[2,0]"}, {"", "f32[]{2}"}};
}

/// [rank, how many]: the indices of elements that are not zero, in row-major order. A scalar counts as [1].
extern constexpr OpDef kNonZero{
    .name = "NonZero",
    .since = 9,
    .source = "ONNX NonZero",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{
              {.format = &formats::kI64, .shape = Shape{std::max(a.shape(0).rank(), 1), kUnknownDim}}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& s = c.input(0).shape();
          std::vector<size_t> found;
          for_format(c.input(0).format(), [&]<typename T>() {
            const auto x = c.in<T>(0);
            for (size_t i = 0; i < x.size(); ++i)
              if (static_cast<ComputeType<T>>(x[i]) != ComputeType<T>{}) found.push_back(i);
          });
          const auto count = static_cast<int64_t>(found.size());
          c.allocate(0, &formats::kI64, {std::max(s.rank(), 1), count});
          const auto y = c.out<int64_t>(0);
          for (size_t i = 0; i < found.size(); ++i) {
            size_t rest = found[i];
            for (int d = s.rank() - 1; d >= 0; --d) {
              const auto n = static_cast<size_t>(s[d]);
              y[static_cast<size_t>(d) * found.size() + i] = static_cast<int64_t>(rest % n);
              rest /= n;
            }
            if (s.rank() == 0) y[i] = 0;
          }
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
