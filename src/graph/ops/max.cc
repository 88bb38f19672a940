#include "graph/ops/binary_grad.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[2,3]"},
                               {"", "f32[2,1,4] f32[3,1] f32[]"},
                               {"", "f32[5]"},
                               {"", "i32[4]@-9..9 i32[1]@-9..9"}};
}

extern constexpr OpDef kMax{.name = "Max",
                            .source = "ONNX Max, NaN in either input gives NaN",
                            .inputs = {1, kVariadic},
                            .infer = infer_broadcast,
                            .forward =
                                [](const OpCall& c) {
                                  for_format(c.input(0).format(), [&]<typename T>() {
                                    using C = ComputeType<T>;
                                    fold_inputs<T>(
                                        c, [](C a, C b) { return a > b || a != a ? a : b; },
                                        [](C x) { return x; });
                                  });
                                },
                            .gradient = share_among_equal,
                            .samples = kSamples};

}  // namespace dunlin::ops
