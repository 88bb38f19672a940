#include "graph/ops/fourier.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"onesided=1", "f32[2,5,2] f32[2,7,1] i64[]{8} i64[]{1}"},
                               {"inverse=1 axis=0", "f32[4,2] f32[4,2]"},
                               {"onesided=1 inverse=1", "f32[2,6,1] f32[2,4,2]"}};

void forward(const OpCall& c) {
  const Shape& x = c.input(1).shape();
  const Dft d = read_dft(c, x, optional_input(c, 2), optional_input(c, 3), true);
  if (c.input(0).shape() != d.y)
    c.error("dy is {}, {} is expected", to_string(c.input(0).shape()), to_string(d.y));
  if (c.output(0).num_elements() == 0) return;
  check_fourier_scratch(c, d.n, c.input(0).num_elements() + c.output(0).num_elements());
  // The adjoint of exp(-i..) is exp(+i..): the other direction, with the same scale. What the transform cut off
  // or added, the adjoint adds or cuts off.
  const FourierAxis to = along(x, d.axis);
  std::vector<double> dx = transform(Fft(static_cast<size_t>(d.n), !d.inverse), to_doubles(c.input(0)),
                                     along(d.y, d.axis), to, d.inverse ? 1.0 / static_cast<double>(d.n) : 1);
  if (d.to_real) double_mirrored(dx, to, d.n);
  store_doubles(c, 0, dx);
}

}  // namespace

/// dx of DFT: dy, x (its shape only), dft_length, axis. Attributes of DFT; `axis` before opset 20.
extern constexpr OpDef kDFTGrad{.name = "DFTGrad",
                                .domain = kDunlinDomain,
                                .source = "adjoint of ONNX DFT",
                                .inputs = {2, 4},
                                .infer = infer_like_input1,
                                .forward = forward,
                                .shape_only_inputs = 0b10,
                                .samples = kSamples};

}  // namespace dunlin::ops
