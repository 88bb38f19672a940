#include "graph/ops/random_numbers.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,2]@0..1"}, {"dtype=9", "f64[5]@0..1"}};
}

/// 1 with the probability that the input gives.
extern constexpr OpDef kBernoulli{.name = "Bernoulli",
                                  .since = 15,
                                  .source = "ONNX Bernoulli",
                                  .inputs = 1,
                                  .infer = infer_random_like,
                                  .forward =
                                      [](const OpCall& c) {
                                        for_float_format(c.input(0).format(), [&]<typename T>() {
                                          const auto p = c.in<T>(0);
                                          fill_random(c, [&](Philox& random, size_t i) {
                                            return random.uniform_double() < to_double(p[i]) ? 1.0 : 0.0;
                                          });
                                        });
                                      },
                                  .stops_gradient = true,
                                  .random = true,
                                  .samples = kSamples};

}  // namespace dunlin::ops
