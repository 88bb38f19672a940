#include "graph/autodiff/grad.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,4] f32[3,1]"}, {"", "f32[2,3] f32[2,3]"}, {"", "f32[2,3] f32[]"}};
}

/// Undoes broadcasting: sums x over the axes along which `like` was repeated. x, like -> the shape of like.
extern constexpr OpDef kSumTo{
    .name = "SumTo",
    .domain = kDunlinDomain,
    .source = "adjoint of NumPy broadcasting",
    .inputs = 2,
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const Tensor& x = c.input(0);
            Tensor& y = c.output(0);
            std::vector<double> sums(static_cast<size_t>(y.num_elements()), 0.0);
            Tensor index = Tensor::over(y.format(), y.shape(), row_major_strides(y.shape()), nullptr);
            const T* in = x.data<T>();
            for_each_strided(
                x.shape(),
                [&](size_t, int64_t i, int64_t o) {
                  sums[static_cast<size_t>(o)] += static_cast<double>(static_cast<ComputeType<T>>(in[i]));
                },
                x.strides(), broadcast_strides(index, x.shape()));
            const auto out = c.out<T>(0);
            for (size_t i = 0; i < sums.size(); ++i)
              out[i] = static_cast<T>(static_cast<ComputeType<T>>(sums[i]));
          });
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
