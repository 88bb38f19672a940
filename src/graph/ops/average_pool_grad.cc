#include "graph/ops/average_pool.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] count_include_pad=1", "f32[1,2,4,3] f32[1,2,7,6]"}};

void forward(const OpCall& c) {
  const Tensor& like = c.input(1);
  const AverageWindows windows(c, like.shape());
  for_float_format(c.input(0).format(), [&]<typename T>() {
    const Tensor& dy = c.input(0);
    const T* in = dy.data<T>();
    std::vector<double> sums(static_cast<size_t>(like.num_elements()), 0.0);
    std::vector<size_t> taps;
    for_each_pool_output(
        windows.geometry(), row_major_strides(like.shape()), dy.strides(), [&] { taps.clear(); },
        [&](int64_t i, const std::array<int64_t, 3>&) { taps.push_back(static_cast<size_t>(i)); },
        [&](int64_t o, int64_t, const std::array<int64_t, 3>& at) {
          const double d = to_double(in[o]) / windows.divisor(static_cast<int64_t>(taps.size()), at);
          for (size_t i : taps) sums[i] += d;
        });
    const auto dx = c.out<T>(0);
    for (size_t i = 0; i < sums.size(); ++i) dx[i] = from_double<T>(sums[i]);
  });
}

}  // namespace

/// dx of AveragePool: dy, x (its shape only). Attributes of the AveragePool.
extern constexpr OpDef kAveragePoolGrad{.name = "AveragePoolGrad",
                                        .domain = kDunlinDomain,
                                        .source = "adjoint of ONNX AveragePool",
                                        .inputs = 2,
                                        .infer = infer_like_input1,
                                        .forward = forward,
                                        .shape_only_inputs = 0b10,
                                        .samples = kSamples};

}  // namespace dunlin::ops
