// What normalisation ops share: walking [N, C, ...] with the channel of each element.
#pragma once

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

/// Strides that give the channel (axis 1) of each element of a tensor of that rank.
inline Strides channel_index(int rank) {
  Strides s(static_cast<size_t>(rank), 0);
  s[1] = 1;
  return s;
}

/// [N, C, ...] of input i; throws otherwise.
inline int64_t num_channels(const NodeView& a, const Shape& x) {
  if (x.rank() < 2) a.error("the input is {}, [N, C, ...] is expected", to_string(x));
  return x[1];
}

/// All elements of a tensor of numbers as doubles, in logical order.
std::vector<double> to_doubles(const Tensor& t);
/// The reverse, into output i; nothing when the node has no such output.
void store_doubles(const OpCall& c, int i, const std::vector<double>& values);

struct ChannelStatistics {
  std::vector<double> mean, variance;  ///< population variance
};

/// Mean and variance of each channel over all other axes, in double, two passes.
template <typename T>
ChannelStatistics channel_statistics(const Tensor& x) {
  const size_t channels = static_cast<size_t>(x.shape()[1]);
  const double count =
      channels == 0 ? 1 : static_cast<double>(x.num_elements()) / static_cast<double>(channels);
  ChannelStatistics s{std::vector<double>(channels, 0.0), std::vector<double>(channels, 0.0)};
  const T* in = x.data<T>();
  const Strides channel = channel_index(x.shape().rank());
  for_each_strided(
      x.shape(), [&](size_t, int64_t i, int64_t k) { s.mean[static_cast<size_t>(k)] += to_double(in[i]); },
      x.strides(), channel);
  for (double& m : s.mean) m /= count;
  for_each_strided(
      x.shape(),
      [&](size_t, int64_t i, int64_t k) {
        const double d = to_double(in[i]) - s.mean[static_cast<size_t>(k)];
        s.variance[static_cast<size_t>(k)] += d * d;
      },
      x.strides(), channel);
  for (double& v : s.variance) v /= count;
  return s;
}

/// y = x * a[channel] + b[channel] from input 0 to output 0.
template <typename T>
void scale_channels(const OpCall& c, const std::vector<double>& a, const std::vector<double>& b) {
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  const T* in = x.data<T>();
  T* out = y.data<T>();
  for_each_strided(
      x.shape(),
      [&](size_t, int64_t i, int64_t o, int64_t k) {
        const size_t ch = static_cast<size_t>(k);
        out[o] = from_double<T>(to_double(in[i]) * a[ch] + b[ch]);
      },
      x.strides(), y.strides(), channel_index(x.shape().rank()));
}

}  // namespace dunlin::ops
