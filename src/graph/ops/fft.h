// The discrete Fourier transform of any length in O(n log n), for DFT, STFT and their gradients.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dunlin::ops {

/// X[k] = sum x[i] exp(-+2 pi i k / n), unscaled. Powers of two: Cooley-Tukey; other lengths: Bluestein's
/// convolution by two transforms of a power of two (Bluestein 1970).
class Fft {
 public:
  using Complex = std::complex<double>;
  Fft(size_t n, bool inverse);
  size_t size() const { return n_; }
  /// What a transform of n numbers holds while it runs: its tables, one lane and the padded one.
  static uint64_t bytes(uint64_t n);
  /// In place; `x` has size() elements.
  void operator()(std::vector<Complex>& x) const;

 private:
  size_t n_, padded_;  // padded_: n_ itself when it is a power of two
  bool inverse_;
  std::vector<Complex> roots_;  // of the padded length: half a turn, forward
  std::vector<Complex> chirp_, kernel_;
};

/// A tensor seen along one axis; an element is one number (real) or two (real, imaginary), innermost.
struct FourierAxis {
  int64_t outer = 1, length = 0, inner = 1, parts = 2;
  size_t offset(int64_t o, int64_t i, int64_t k) const {
    return static_cast<size_t>(((o * length + i) * inner + k) * parts);
  }
};

/// Every lane of `x`, cut or filled with zeros to fft's length, transformed, and the first elements kept (real
/// parts alone where `to` has one part); what lies beyond fft's length is 0.
std::vector<double> transform(const Fft& fft, const std::vector<double>& x, const FourierAxis& from,
                              const FourierAxis& to, double scale);

}  // namespace dunlin::ops
