#include "graph/ops/fourier.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[1,2,3,2] f32[1,8,1] i64[]{3} f32[5]", 21, 2},
                               {"onesided=0", "f32[1,2,5,2] f32[1,8,2] i64[]{3} _ i64[]{5}"}};

void forward(const OpCall& c) {
  const Stft s = read_stft(c, 1);
  const Shape& xs = c.input(1).shape();
  if (const Shape y{xs[0], s.frames, s.bins, 2}; c.input(0).shape() != y)
    c.error("dy is {}, {} is expected", to_string(c.input(0).shape()), to_string(y));
  if (xs[0] == 0) return;
  check_fourier_scratch(c, s.n, c.input(0).num_elements() + 2 * (c.input(1).num_elements() + s.n));
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1));
  std::vector<double> dx(x.size(), 0.0), dwindow(s.window.size(), 0.0);
  const Fft fft(static_cast<size_t>(s.n), true);
  std::vector<Fft::Complex> frame(fft.size());
  const double* next = dy.data();
  for (int64_t b = 0; b < xs[0]; ++b)
    for (int64_t f = 0; f < s.frames; ++f) {
      std::fill(frame.begin(), frame.end(), 0);
      for (int64_t k = 0; k < s.bins; ++k, next += 2) frame[static_cast<size_t>(k)] = {next[0], next[1]};
      fft(frame);
      for (size_t i = 0; i < frame.size(); ++i) {
        const auto at = static_cast<size_t>((b * xs[1] + f * s.step + static_cast<int64_t>(i)) * xs[2]);
        const double parts[] = {frame[i].real(), frame[i].imag()};
        for (size_t p = 0; p < static_cast<size_t>(xs[2]); ++p) {
          dx[at + p] += parts[p] * s.window[i];
          dwindow[i] += parts[p] * x[at + p];
        }
      }
    }
  store_doubles(c, 0, dx);
  store_doubles(c, 1, dwindow);
}

}  // namespace

/// dy, signal, frame_step, window, frame_length -> dsignal, dwindow (where it is asked for). Attributes of
/// STFT.
extern constexpr OpDef kSTFTGrad{.name = "STFTGrad",
                                 .domain = kDunlinDomain,
                                 .source = "adjoint of ONNX STFT",
                                 .inputs = {3, 5},
                                 .outputs = {1, 2},
                                 .infer =
                                     [](const InferArgs& a) {
                                       std::vector<Type> out{{.format = a.format(0), .shape = a.shape(1)}};
                                       if (a.has_output(1)) out.push_back(a.type(3));
                                       return out;
                                     },
                                 .forward = forward,
                                 .samples = kSamples};

}  // namespace dunlin::ops
