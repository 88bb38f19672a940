#include <cmath>

#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "i64[]{8} i64[]{16} i64[]{8192} f32[]{0} f32[]{4096}"},
    {"output_datatype=11", "i32[]{3} i32[]{512} i32[]{8000} f32[]{20} f32[]{3800}", 17}};

/// [floor(dft_length / 2) + 1, num_mel_bins]; null inputs are not known yet.
Shape mel_shape(const NodeView& a, const Tensor* bins, const Tensor* dft_length) {
  Shape s{kUnknownDim, kUnknownDim};
  const auto size = [&](std::string_view what, const Tensor& t) {
    const double v = one_number(a, what, t);
    if (!(v >= 1 && v <= 0x1p48)) a.error("{} is {}, 1 to 2^48 is expected", what, v);
    return static_cast<int64_t>(v);
  };
  if (dft_length) s[0] = size("dft_length", *dft_length) / 2 + 1;
  if (bins) s[1] = size("num_mel_bins", *bins);
  return s;
}

double mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

void forward(const OpCall& c) {
  const Shape shape = mel_shape(c, &c.input(0), &c.input(1));
  if (!c.output(0)) c.allocate(0, format_attribute(c, "output_datatype", &formats::kF32), shape);
  const int64_t rows = shape[0], bands = shape[1];
  const double dft_length = one_number(c, "dft_length", c.input(1)),
               rate = one_number(c, "sample_rate", c.input(2)),
               lower = one_number(c, "lower_edge_hertz", c.input(3)),
               upper = one_number(c, "upper_edge_hertz", c.input(4));
  if (!std::isfinite(rate) || !(rate > 0) || !(lower >= 0) || !(upper >= lower) || !(upper <= rate / 2))
    c.error("edges of {} and {} Hz at {} samples a second: 0 <= lower <= upper <= half the rate is expected",
            lower, upper, rate);
  // Row at which the triangle of band b begins; the next two are its middle and its end.
  const double step = (mel(upper) - mel(lower)) / static_cast<double>(bands + 2);
  const auto row = [&](int64_t b) {
    const double f = hertz(static_cast<double>(b) * step + mel(lower));
    // f may be a rounding error away from the edges, which lie within the rows.
    const double r = std::floor((dft_length + 1) * (f / rate));
    return static_cast<int64_t>(std::clamp(r, 0.0, static_cast<double>(rows - 1)));
  };
  for_number_format(c.output(0).format(), [&]<typename T>() {
    const auto y = c.out<T>(0);
    for (size_t i = 0; i < y.size(); ++i) y[i] = from_double<T>(0);
    for (int64_t b = 0; b < bands; ++b) {
      const int64_t first = row(b), middle = row(b + 1), last = row(b + 2);
      const auto put = [&](int64_t r, int64_t part, int64_t whole) {
        y[static_cast<size_t>(r * bands + b)] =
            from_double<T>(whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole));
      };
      for (int64_t r = first; r <= middle; ++r) put(r, r - first, middle - first);
      for (int64_t r = middle; r < last; ++r) put(r, last - r, last - middle);
    }
  });
}

}  // namespace

/// num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz -> triangles of height 1 that
/// turn a one-sided spectrum into bands of equal width in mel.
extern constexpr OpDef kMelWeightMatrix{
    .name = "MelWeightMatrix",
    .since = 17,
    .source = "ONNX MelWeightMatrix",
    .inputs = 5,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{{.format = format_attribute(a, "output_datatype", &formats::kF32),
                                    .shape = mel_shape(a, a.constant(0), a.constant(1))}};
        },
    .forward = forward,
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
