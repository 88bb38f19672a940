// Local response normalisation's sums, shared with its gradient.
#pragma once

#include <algorithm>

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// y = x / s ^ beta, s = bias + alpha / size * the squares of `size` neighbouring channels.
struct ResponseSums {
  double alpha, beta;
  int64_t size, batch, channels, inner;
  std::vector<double> s;  ///< one an element of x

  /// Of an element's index, by its parts.
  size_t at(int64_t n, int64_t channel, int64_t i) const {
    return static_cast<size_t>((n * channels + channel) * inner + i);
  }
  template <typename F>
  void for_each(F f) const {
    if (inner == 0) return;
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t k = 0; k < channels; ++k)
        for (int64_t i = 0; i < inner; ++i) f(n, k, i);
  }
  /// Sum of v over the channels first..last, as far as they exist.
  double over(const std::vector<double>& v, int64_t n, int64_t first, int64_t last, int64_t i) const {
    double sum = 0;
    for (int64_t j = std::max<int64_t>(first, 0); j <= std::min(last, channels - 1); ++j)
      sum += v[at(n, j, i)];
    return sum;
  }
};

/// `x`: row major, of that shape.
inline ResponseSums response_sums(const OpCall& c, const Shape& shape, const std::vector<double>& x) {
  const int64_t size = c.attr_int("size", 0), channels = num_channels(c, shape);
  if (size < 1) c.error("size is {}, at least 1 is expected", size);
  ResponseSums r{.alpha = c.attr_float("alpha", 1e-4f),
                 .beta = c.attr_float("beta", 0.75f),
                 .size = size,
                 .batch = shape[0],
                 .channels = channels,
                 .inner = x.empty() ? 0 : static_cast<int64_t>(x.size()) / shape[0] / channels,
                 .s = std::vector<double>(x.size())};
  std::vector<double> squares(x);
  for (double& v : squares) v *= v;
  const double bias = c.attr_float("bias", 1);
  r.for_each([&](int64_t n, int64_t k, int64_t i) {
    const int64_t first = k - (size - 1) / 2;
    r.s[r.at(n, k, i)] =
        bias + r.alpha / static_cast<double>(size) * r.over(squares, n, first, first + size - 1, i);
  });
  return r;
}

}  // namespace dunlin::ops
