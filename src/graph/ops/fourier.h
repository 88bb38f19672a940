// What DFT, STFT and their gradients read from their nodes.
#pragma once

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"
#include "graph/ops/fft.h"
#include "graph/ops/lanes.h"

namespace dunlin::ops {

/// DFT's inputs by position.
struct DftInputs {
  int x = 0, length = 1, axis = 2;
};
/// DFT of x, as far as known: dft_length and axis may come from inputs (null: not there).
struct Dft {
  int axis = 0;
  int64_t n = 0;  ///< length of the transform; kUnknownDim while unknown
  bool inverse = false;
  bool to_real = false;  ///< one-sided and inverse: the real signal of half a spectrum
  Shape y;
};
/// Throws unless x is [..., 1 or 2] and the attributes fit.
Dft read_dft(const NodeView& a, const Shape& x, const Tensor* length, const Tensor* axis, bool length_known);
/// Of half a spectrum of n bins along `a`: each bin counts for itself and for its mirror image, those beyond n / 2 for
/// nothing. The real part of the inverse transform of the result is the signal.
void double_mirrored(std::vector<double>& spectrum, const FourierAxis& a, int64_t n);
/// `s` along the axis.
FourierAxis along(const Shape& s, int axis);

/// Throws unless the run may take what transforms of n numbers and that many doubles beside them take.
void check_fourier_scratch(const OpCall& c, int64_t n, int64_t doubles);

/// A positive integer in a tensor of one element; throws otherwise.
int64_t positive(const NodeView& a, std::string_view what, const Tensor& t);

struct Stft {
  int64_t n = 0, step = 1, frames = 0, bins = 0;
  std::vector<double> window;  ///< n numbers
};
/// Inputs from `first` on: signal, frame_step, window, frame_length, all known.
Stft read_stft(const OpCall& c, int first);

}  // namespace dunlin::ops
