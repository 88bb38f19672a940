// What the four batch normalisation ops share.
#pragma once

#include <cmath>

#include "graph/ops/channels.h"

namespace dunlin::ops {

/// 1 / sqrt(variance + epsilon).
inline std::vector<double> inverse_deviation(const std::vector<double>& variance, double epsilon) {
  std::vector<double> out;
  for (double v : variance) out.push_back(1 / std::sqrt(v + epsilon));
  return out;
}

/// Checks that inputs `first` to `last` are vectors of as many elements as x has channels.
inline void check_channel_vectors(const InferArgs& a, const Shape& x, int first, int last) {
  const int64_t channels = num_channels(a, x);
  for (int i = first; i <= last; ++i) {
    if (!a.has_shape(i)) continue;
    const Shape& s = a.shape(i);
    if (s.rank() != 1 || (s[0] >= 0 && channels >= 0 && s[0] != channels))
      a.error("input {} is {}, X is {}: one number a channel is expected", i, to_string(s), to_string(x));
  }
}

/// y = (x - mean) * inv_std * scale + bias, from inputs 0 (x), 1 (scale), 2 (bias) to output 0.
inline void normalize_channels(const OpCall& c, const std::vector<double>& mean,
                               const std::vector<double>& inv_std) {
  std::vector<double> factor = to_doubles(c.input(1)), shift = to_doubles(c.input(2));
  for (size_t k = 0; k < factor.size(); ++k) {
    factor[k] *= inv_std[k];
    shift[k] -= mean[k] * factor[k];
  }
  for_float_format(c.input(0).format(), [&]<typename T>() { scale_channels<T>(c, factor, shift); });
}

/// stored * momentum + batch * (1 - momentum)
inline std::vector<double> running(const std::vector<double>& stored, const std::vector<double>& batch,
                                   double momentum) {
  std::vector<double> out;
  for (size_t k = 0; k < stored.size(); ++k) out.push_back(stored[k] * momentum + batch[k] * (1 - momentum));
  return out;
}

}  // namespace dunlin::ops
