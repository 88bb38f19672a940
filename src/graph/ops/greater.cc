#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] f32[3]"},
                               {"", "i32[2,3]@-2..2 i32[2,1]@-2..2"},
                               {"broadcast=1 axis=0", "f32[2,3] f32[2]", 6}};
}

extern constexpr OpDef kGreater{.name = "Greater",
                                .source = "ONNX Greater",
                                .inputs = 2,
                                .infer = infer_compare,
                                .forward =
                                    [](const OpCall& c) {
                                      for_format(c.input(0).format(), [&]<typename T>() {
                                        map_binary<T, bool>(c, [](auto x, auto y) { return x > y; });
                                      });
                                    },
                                .stops_gradient = true,
                                .samples = kSamples};

}  // namespace dunlin::ops
