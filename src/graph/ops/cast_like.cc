#include "graph/autodiff/grad.h"
#include "graph/ops/cast.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[3] i64[1]"}, {"", "i32[3] f32[2]"}};
}

extern constexpr OpDef kCastLike{
    .name = "CastLike",
    .since = 15,
    .source = "ONNX CastLike",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) { return std::vector<Type>{{.format = a.format(1), .shape = a.shape(0)}}; },
    .forward = [](const OpCall& c) { cast_to(c, c.input(1).format()); },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("CastLike", {g.out_grad(0), g.in(0)}));
        },
    .shape_only_inputs = 0b10,
    .strings = Strings::kTaken,
    .narrow_inputs = 0b11,
    .samples = kSamples};

}  // namespace dunlin::ops
