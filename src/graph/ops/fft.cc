#include "graph/ops/fft.h"

#include <algorithm>
#include <bit>
#include <numbers>

namespace dunlin::ops {

namespace {

using Complex = Fft::Complex;

Complex turn(double part) { return std::polar(1.0, 2 * std::numbers::pi * part); }

/// Forward transform of a power of two; roots[k] = exp(-2 pi i k / n).
void radix2(std::vector<Complex>& x, const std::vector<Complex>& roots) {
  const size_t n = x.size();
  for (size_t i = 1, j = 0; i < n; ++i) {  // bit reversal
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (size_t half = 1; half < n; half *= 2)
    for (size_t first = 0; first < n; first += 2 * half)
      for (size_t k = 0; k < half; ++k) {
        const Complex odd = x[first + half + k] * roots[k * (n / 2 / half)];
        x[first + half + k] = x[first + k] - odd;
        x[first + k] += odd;
      }
}

uint64_t padded_size(uint64_t n) { return std::has_single_bit(n) ? n : std::bit_ceil(2 * n); }

}  // namespace

uint64_t Fft::bytes(uint64_t n) {
  const uint64_t padded = padded_size(n);
  return sizeof(Complex) * (padded / 2 + n + (padded == n ? 0 : n + 2 * padded));
}

Fft::Fft(size_t n, bool inverse) : n_(n), padded_(padded_size(n)), inverse_(inverse) {
  roots_.resize(padded_ / 2);
  for (size_t k = 0; k < roots_.size(); ++k)
    roots_[k] = turn(-static_cast<double>(k) / static_cast<double>(padded_));
  if (padded_ == n_ || n_ == 0) return;
  // i k = (i^2 + k^2 - (k - i)^2) / 2: the sum becomes a convolution with a chirp. k^2 is reduced before it
  // becomes an angle, which keeps its digits.
  chirp_.resize(n_);
  kernel_.assign(padded_, 0);
  for (size_t k = 0; k < n_; ++k) {
    const auto square = static_cast<unsigned __int128>(k) * k % (2 * n_);
    chirp_[k] = turn(-static_cast<double>(square) / static_cast<double>(2 * n_));
    kernel_[k] = std::conj(chirp_[k]);
    if (k > 0) kernel_[padded_ - k] = kernel_[k];
  }
  radix2(kernel_, roots_);
}

void Fft::operator()(std::vector<Complex>& x) const {
  if (n_ == 0) return;
  if (inverse_)
    for (Complex& v : x) v = std::conj(v);
  if (padded_ == n_) {
    radix2(x, roots_);
  } else {
    std::vector<Complex> z(padded_);
    for (size_t i = 0; i < n_; ++i) z[i] = x[i] * chirp_[i];
    radix2(z, roots_);
    for (size_t i = 0; i < padded_; ++i) z[i] = std::conj(z[i] * kernel_[i]);
    radix2(z, roots_);
    for (size_t i = 0; i < n_; ++i) x[i] = std::conj(z[i]) * chirp_[i] / static_cast<double>(padded_);
  }
  if (inverse_)
    for (Complex& v : x) v = std::conj(v);
}

std::vector<double> transform(const Fft& fft, const std::vector<double>& x, const FourierAxis& from,
                              const FourierAxis& to, double scale) {
  const auto n = static_cast<int64_t>(fft.size());
  std::vector<double> y(static_cast<size_t>(to.outer * to.length * to.inner * to.parts), 0.0);
  std::vector<Complex> lane(fft.size());
  for (int64_t o = 0; o < from.outer; ++o)
    for (int64_t k = 0; k < from.inner; ++k) {
      std::fill(lane.begin(), lane.end(), 0);
      for (int64_t i = 0; i < std::min(from.length, n); ++i) {
        const double* v = x.data() + from.offset(o, i, k);
        lane[static_cast<size_t>(i)] = {v[0], from.parts == 2 ? v[1] : 0};
      }
      fft(lane);
      for (int64_t i = 0; i < std::min(to.length, n); ++i) {
        const Complex v = lane[static_cast<size_t>(i)] * scale;
        y[to.offset(o, i, k)] = v.real();
        if (to.parts == 2) y[to.offset(o, i, k) + 1] = v.imag();
      }
    }
  return y;
}

}  // namespace dunlin::ops
