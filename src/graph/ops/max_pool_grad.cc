#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[1,2,2,1] i64[1,2,2,1]{1,5,7,7} f32[1,2,2,2]"}};

void forward(const OpCall& c) {
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const auto dy = c.in<T>(0);
    const auto indices = c.in<int64_t>(1);
    const auto dx = c.out<T>(0);
    std::vector<double> sums(dx.size(), 0.0);
    for (size_t i = 0; i < dy.size(); ++i) {
      const int64_t at = indices[i];
      if (at < 0 || at >= static_cast<int64_t>(sums.size()))
        c.error("index {} is outside an input of {} elements", at, sums.size());
      sums[static_cast<size_t>(at)] += to_double(dy[i]);
    }
    for (size_t i = 0; i < sums.size(); ++i) dx[i] = from_double<T>(sums[i]);
  });
}
}  // namespace

/// dx of MaxPool: dy, indices (row-major positions in x, as MaxPool's second output), x (its shape only).
/// Windows that overlap add up.
extern constexpr OpDef kMaxPoolGrad{
    .name = "MaxPoolGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX MaxPool",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) { return std::vector<Type>{{.format = a.format(0), .shape = a.shape(2)}}; },
    .forward = forward,
    .shape_only_inputs = 0b100,
    .samples = kSamples};

}  // namespace dunlin::ops
