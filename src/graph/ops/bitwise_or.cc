#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "i32[2,3]@-9..9 i32[3]@-9..9"}, {"", "u8[4]@0..255 u8[1]@0..255"}};
}

extern constexpr OpDef kBitwiseOr{.name = "BitwiseOr",
                                  .since = 18,
                                  .source = "ONNX BitwiseOr",
                                  .inputs = 2,
                                  .infer = infer_broadcast,
                                  .forward =
                                      [](const OpCall& c) {
                                        for_integer_format(c.input(0).format(), [&]<typename T>() {
                                          map_binary<T, T>(c, [](auto x, auto y) { return x | y; });
                                        });
                                      },
                                  .stops_gradient = true,
                                  .samples = kSamples};

}  // namespace dunlin::ops
