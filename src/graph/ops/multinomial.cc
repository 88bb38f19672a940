#include <algorithm>
#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/random_numbers.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"sample_size=5", "f32[2,3]@-4..4"}, {"dtype=7", "f64[1,4]", 7}};

std::vector<Type> infer(const InferArgs& a) {
  const Shape& x = a.shape(0);
  if (x.rank() != 2 || x[1] == 0) a.error("the input is {}, [batch, classes] is expected", to_string(x));
  const Format format = format_attribute(a, "dtype", &formats::kI32);
  if (format != &formats::kI32 && format != &formats::kI64)
    a.error("dtype is {}, i32 or i64 is expected", format->name);
  const int64_t size = a.attr_int("sample_size", 1);
  if (size < 0) a.error("sample_size is {}, 0 or more is expected", size);
  return {{.format = format, .shape = Shape{x[0], size}}};
}

void forward(const OpCall& c) {
  const auto classes = static_cast<size_t>(c.input(0).shape()[1]);
  const auto size = static_cast<size_t>(c.output(0).shape()[1]);
  std::vector<double> sums = to_doubles(c.input(0));
  // Each row becomes its running sum of exp(x - max); the first that exceeds a share of the last is drawn.
  for (size_t row = 0; row < sums.size(); row += classes) {
    const double max = *std::max_element(sums.begin() + static_cast<int64_t>(row),
                                         sums.begin() + static_cast<int64_t>(row + classes));
    double sum = 0;
    for (size_t k = row; k < row + classes; ++k) sums[k] = sum += std::exp(sums[k] - max);
  }
  fill_random(c, [&](Philox& random, size_t i) {
    const auto begin = sums.begin() + static_cast<int64_t>(i / size * classes);
    const auto end = begin + static_cast<int64_t>(classes);
    const auto drawn = std::upper_bound(begin, end, random.uniform_double() * *(end - 1));
    return static_cast<double>(std::min(drawn - begin, end - begin - 1));
  });
}

}  // namespace

/// Classes drawn from each row of log-probabilities, which need not be normalised.
extern constexpr OpDef kMultinomial{.name = "Multinomial",
                                    .since = 7,
                                    .source = "ONNX Multinomial",
                                    .inputs = 1,
                                    .infer = infer,
                                    .forward = forward,
                                    .stops_gradient = true,
                                    .random = true,
                                    .samples = kSamples};

}  // namespace dunlin::ops
