#include "graph/autodiff/grad.h"
#include "graph/ops/fourier.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,5,3,1]"},
    {"inverse=1", "f32[2,6,2] _ i64[]{0}"},
    {"onesided=1", "f32[2,7,1] i64[]{8} i64[]{1}"},
    {"", "f32[3,5,2] i64[]{4} i64[]{-3}"},
    {"onesided=1 inverse=1", "f32[2,4,3,2] _ i64[]{1}"},
    {"onesided=1 inverse=1", "f32[2,4,2] i64[]{5}"},
    {"onesided=1 inverse=1", "f32[2,3,2] i64[]{8}"},
};
constexpr Sample kSamples17[] = {{"axis=1", "f32[1,4,3,1]", 17},
                                 {"inverse=1 axis=0", "f32[6,2,2] i64[]{9}", 17},
                                 {"onesided=1", "f32[2,6,1]", 17},
                                 {"onesided=1 inverse=1", "f32[2,4,2]", 17}};

std::vector<Type> infer(const InferArgs& a) {
  check_float(a, 0);
  if (a.has_input(2) && !a.constant(2)) {
    Shape y(std::vector<int64_t>(static_cast<size_t>(a.shape(0).rank()), kUnknownDim));
    const bool to_real = a.attr_int("onesided", 0) != 0 && a.attr_int("inverse", 0) != 0;
    if (y.rank() > 0) y[y.rank() - 1] = to_real ? 1 : 2;
    return {{.format = a.format(0), .shape = y}};
  }
  const bool known = !a.has_input(1) || a.constant(1);
  return {{.format = a.format(0), .shape = read_dft(a, a.shape(0), a.constant(1), a.constant(2), known).y}};
}

void forward(const OpCall& c) {
  const Dft d = read_dft(c, c.input(0).shape(), optional_input(c, 1), optional_input(c, 2), true);
  if (!c.output(0)) c.allocate(0, c.input(0).format(), d.y);
  // A transform over no signal may be of any length.
  if (c.output(0).num_elements() == 0) return;
  check_fourier_scratch(c, d.n, c.input(0).num_elements() + c.output(0).num_elements());
  const FourierAxis from = along(c.input(0).shape(), d.axis);
  std::vector<double> x = to_doubles(c.input(0));
  if (d.to_real) double_mirrored(x, from, d.n);
  store_doubles(c, 0,
                transform(Fft(static_cast<size_t>(d.n), d.inverse), x, from, along(d.y, d.axis),
                          d.inverse ? 1.0 / static_cast<double>(d.n) : 1));
}

void gradient(Grad& g) {
  Attributes attributes = g.node().attributes;
  if (g.opset() < 20) attributes["axis"] = g.attr_int("axis", 1);
  g.to_input(0, g.emit("DFTGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(2)}, std::move(attributes)));
}

constexpr OpDef kOpset17{.name = "DFT",
                         .since = 17,
                         .source = "ONNX DFT, axis as attribute",
                         .inputs = {1, 2},
                         .infer = infer,
                         .forward = forward,
                         .gradient = gradient,
                         .samples = kSamples17};

}  // namespace

/// input [..., 1 or 2], dft_length, axis -> [..., 2]: the transform along the axis, the inverse divided by its
/// length. The inverse of one side of a spectrum is real: [..., 1].
extern constexpr OpDef kDFT{.name = "DFT",
                            .since = 20,
                            .source = "ONNX DFT",
                            .inputs = {1, 3},
                            .infer = infer,
                            .forward = forward,
                            .gradient = gradient,
                            .samples = kSamples,
                            .older = &kOpset17};

}  // namespace dunlin::ops
