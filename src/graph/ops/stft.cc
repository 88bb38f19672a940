#include "graph/autodiff/grad.h"
#include "graph/ops/fourier.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,20,1] i64[]{3} f32[6]"},
    {"onesided=0", "f32[1,11,2] i64[]{4} _ i64[]{5}"},
    {"", "f32[1,12,1] i64[]{8} f32[4] i64[]{4}", 17},
};

Shape stft_shape(const OpCall& c, const Stft& s) { return {c.input(0).shape()[0], s.frames, s.bins, 2}; }

std::vector<Type> infer(const InferArgs& a) {
  check_float(a, 0);
  const Shape& x = a.shape(0);
  if (x.rank() != 3) a.error("the signal is {}, [batch, length, 1 or 2] is expected", to_string(x));
  Shape y{x[0], kUnknownDim, kUnknownDim, 2};
  int64_t n = kUnknownDim;
  if (a.has_input(3))
    n = a.constant(3) ? positive(a, "frame_length", *a.constant(3)) : kUnknownDim;
  else if (a.has_input(2))
    n = a.has_shape(2) && a.shape(2).rank() == 1 ? a.shape(2)[0] : kUnknownDim;
  else
    n = x[1];
  if (n >= 0) y[2] = a.attr_int("onesided", 1) != 0 ? n / 2 + 1 : n;
  if (n > 0 && x[1] >= n && a.constant(1)) y[1] = (x[1] - n) / positive(a, "frame_step", *a.constant(1)) + 1;
  return {{.format = a.format(0), .shape = y}};
}

void forward(const OpCall& c) {
  const Stft s = read_stft(c, 0);
  const Shape& xs = c.input(0).shape();
  if (!c.output(0)) c.allocate(0, c.input(0).format(), stft_shape(c, s));
  if (xs[0] == 0) return;
  check_fourier_scratch(c, s.n, c.input(0).num_elements() + s.n);
  const std::vector<double> x = to_doubles(c.input(0));
  const Fft fft(static_cast<size_t>(s.n), false);
  std::vector<Fft::Complex> frame(fft.size());
  for_float_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    size_t next = 0;
    for (int64_t b = 0; b < xs[0]; ++b)
      for (int64_t f = 0; f < s.frames; ++f) {
        for (int64_t i = 0; i < s.n; ++i) {
          const double* v = x.data() + (b * xs[1] + f * s.step + i) * xs[2];
          frame[static_cast<size_t>(i)] =
              Fft::Complex(v[0], xs[2] == 2 ? v[1] : 0) * s.window[static_cast<size_t>(i)];
        }
        fft(frame);
        for (int64_t k = 0; k < s.bins; ++k) {
          y[next++] = from_double<T>(frame[static_cast<size_t>(k)].real());
          y[next++] = from_double<T>(frame[static_cast<size_t>(k)].imag());
        }
      }
  });
}

}  // namespace

/// signal [batch, length, 1 or 2], frame_step, window, frame_length -> [batch, frames, bins, 2].
extern constexpr OpDef kSTFT{.name = "STFT",
                             .since = 17,
                             .source = "ONNX STFT",
                             .inputs = {2, 4},
                             .infer = infer,
                             .forward = forward,
                             .gradient =
                                 [](Grad& g) {
                                   const auto d = g.emit_many(
                                       "STFTGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(2), g.in(3)},
                                       g.needs(2) ? 2 : 1, g.node().attributes);
                                   g.to_input(0, d[0]);
                                   if (g.needs(2)) g.to_input(2, d[1]);
                                 },
                             .samples = kSamples};

}  // namespace dunlin::ops
