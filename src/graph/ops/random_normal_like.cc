#include "graph/ops/random_numbers.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3,2]"}, {"dtype=11", "i32[5]@0..1"}};
}

extern constexpr OpDef kRandomNormalLike{.name = "RandomNormalLike",
                                         .source = "ONNX RandomNormalLike",
                                         .inputs = 1,
                                         .infer = infer_random_like,
                                         .forward = draw_normal,
                                         .shape_only_inputs = 0b1,
                                         .stops_gradient = true,
                                         .random = true,
                                         .samples = kSamples};

}  // namespace dunlin::ops
