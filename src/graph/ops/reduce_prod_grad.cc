#include "graph/ops/reduce.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[2,1,4] f32[2,3,4]@1..2 i64{1}"},
                               {"keepdims=0", "f32[3] f32[2,3,4]@1..2 i64{0,-1}"},
                               {"keepdims=0", "f32[] f32[2,3]{0,1,2,3,4,5}"},
                               {"axes=[1] keepdims=0", "f32[2] f32[2,3]{0,1,2,0,4,0}"}};

void forward(const OpCall& c) {
  const Tensor& x = c.input(1);
  const std::vector<bool> reduced = reduced_axes(c, c.ints("axes", 2), x.shape().rank());
  const auto [to, kept] = lanes_kept(x.shape(), reduced);
  struct Lane {
    double product = 1;  // of what is not zero
    int64_t zeros = 0;
  };
  std::vector<Lane> lanes(static_cast<size_t>(kept));
  for_float_format(x.format(), [&]<typename T>() {
    const T* in = x.data<T>();
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t i, int64_t lane) {
          Lane& l = lanes[static_cast<size_t>(lane)];
          const double v = to_double(in[i]);
          if (v == 0)
            ++l.zeros;
          else
            l.product *= v;
        },
        x.strides(), to);
    const auto dy = c.in<T>(0);
    Tensor& dx = c.output(0);
    T* out = dx.data<T>();
    for_each_strided(
        x.shape(),
        [&](size_t, int64_t i, int64_t lane, int64_t o) {
          const Lane& l = lanes[static_cast<size_t>(lane)];
          const double v = to_double(in[i]);
          // The product of the others: 0 as soon as one of them is.
          const double others = v == 0 ? (l.zeros == 1 ? l.product : 0) : l.zeros == 0 ? l.product / v : 0;
          out[o] = from_double<T>(to_double(dy[static_cast<size_t>(lane)]) * others);
        },
        x.strides(), to, dx.strides());
  });
}

}  // namespace

/// dy, x, axes (optional) -> dx of ReduceProd. Attributes of the ReduceProd.
extern constexpr OpDef kReduceProdGrad{
    .name = "ReduceProdGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX ReduceProd",
    .inputs = {2, 3},
    .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
    .forward = forward,
    .samples = kSamples};

}  // namespace dunlin::ops
