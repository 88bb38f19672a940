#include <cmath>

#include "graph/ops/lrn.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"size=3 alpha=0.5", "f32[2,5,3,2] f32[2,5,3,2]"},
                               {"size=2", "f32[0,4,3] f32[0,4,3]"}};

void forward(const OpCall& c) {
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1));
  const ResponseSums r = response_sums(c, c.input(1).shape(), x);
  // What each channel's sum owes to the squares in its window.
  std::vector<double> owed(x.size()), dx(x.size());
  for (size_t e = 0; e < x.size(); ++e) owed[e] = dy[e] * x[e] * std::pow(r.s[e], -r.beta - 1);
  const double slope = 2 * r.alpha * r.beta / static_cast<double>(r.size);
  r.for_each([&](int64_t n, int64_t k, int64_t i) {
    const size_t e = r.at(n, k, i);
    const int64_t first = k - r.size / 2;  // the windows that k is in
    dx[e] = dy[e] * std::pow(r.s[e], -r.beta) - slope * x[e] * r.over(owed, n, first, first + r.size - 1, i);
  });
  store_doubles(c, 0, dx);
}

}  // namespace

/// dx of LRN: dy, x. Attributes of the LRN.
extern constexpr OpDef kLRNGrad{.name = "LRNGrad",
                                .domain = kDunlinDomain,
                                .source = "derivative of ONNX LRN",
                                .inputs = 2,
                                .infer = infer_like_input1,
                                .forward = forward,
                                .samples = kSamples};

}  // namespace dunlin::ops
