#include "graph/ops/random_numbers.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"shape=[3,2]", ""}, {"shape=[5] dtype=11", ""}};
}

extern constexpr OpDef kRandomUniform{.name = "RandomUniform",
                                      .source = "ONNX RandomUniform",
                                      .inputs = 0,
                                      .infer = infer_random,
                                      .forward = draw_uniform,
                                      .stops_gradient = true,
                                      .random = true,
                                      .samples = kSamples};

}  // namespace dunlin::ops
