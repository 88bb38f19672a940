#include "graph/ops/cosine_window.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "i64[]{10}"}, {"periodic=0 output_datatype=11", "i32[]{7}", 17}, {"", "i64[]{0}"}};
}

extern constexpr OpDef kHannWindow{.name = "HannWindow",
                                   .since = 17,
                                   .source = "ONNX HannWindow",
                                   .inputs = 1,
                                   .infer = infer_cosine_window,
                                   .forward = [](const OpCall& c) { cosine_window(c, 0.5, 0.5, 0); },
                                   .stops_gradient = true,
                                   .samples = kSamples};

}  // namespace dunlin::ops
