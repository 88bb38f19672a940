#include <algorithm>
#include <cmath>

#include "graph/ops/channels.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"size=3", "f32[2,5,3,2]"},
                               {"size=2 alpha=0.1 beta=0.5 bias=2.0", "f32[1,4,3]"}};

/// y = x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta
void forward(const OpCall& c) {
  const int64_t size = c.attr_int("size", 0);
  if (size < 1) c.error("size is {}, at least 1 is expected", size);
  const double alpha = c.attr_float("alpha", 1e-4f), beta = c.attr_float("beta", 0.75f),
               bias = c.attr_float("bias", 1);
  const Shape& shape = c.input(0).shape();
  const int64_t channels = num_channels(c, shape);
  const std::vector<double> x = to_doubles(c.input(0));
  std::vector<double> y(x.size());
  const int64_t inner =
      channels == 0 || shape[0] == 0 ? 0 : static_cast<int64_t>(x.size()) / shape[0] / channels;
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t k = 0; k < channels; ++k) {
      const int64_t first = std::max<int64_t>(k - (size - 1) / 2, 0);
      const int64_t last = std::min(k + size / 2, channels - 1);
      for (int64_t i = 0; i < inner; ++i) {
        const auto at = [&](int64_t ch) { return static_cast<size_t>((n * channels + ch) * inner + i); };
        double squares = 0;
        for (int64_t j = first; j <= last; ++j) squares += x[at(j)] * x[at(j)];
        y[at(k)] = x[at(k)] / std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
      }
    }
  store_doubles(c, 0, y);
}

}  // namespace

extern constexpr OpDef kLRN{.name = "LRN",
                            .source = "ONNX LRN (Krizhevsky et al. 2012, section 3.3)",
                            .infer = infer_same,
                            .forward = forward,
                            .samples = kSamples};

}  // namespace dunlin::ops
