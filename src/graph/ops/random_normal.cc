#include "graph/ops/random_numbers.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"shape=[3,2]", ""}, {"shape=[5] dtype=11", ""}};
}

extern constexpr OpDef kRandomNormal{.name = "RandomNormal",
                                     .source = "ONNX RandomNormal",
                                     .inputs = 0,
                                     .infer = infer_random,
                                     .forward = draw_normal,
                                     .stops_gradient = true,
                                     .random = true,
                                     .samples = kSamples};

}  // namespace dunlin::ops
