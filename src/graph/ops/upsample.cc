#include "graph/autodiff/grad.h"
#include "graph/ops/resample.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"mode='nearest'", "f32[1,1,2,2] f32{1,1,2,3}", 9},
                               {"mode='linear'", "f32[1,1,2,2] f32{1,1,2,2}", 9}};
constexpr Sample kSamples7[] = {{"mode='nearest' scales=[1.0,1.0,2.0,3.0]", "f32[1,1,2,2]", 7}};

ValueId scales_of(Grad& g) {
  if (g.has_input(1)) return g.in(1);
  const std::vector<float>* list = find_attribute<std::vector<float>>(g.node(), "scales");
  if (!list) g.error("scales are missing");
  // A tensor is made of scalars, since Grad gives those in the format of x only.
  std::vector<ValueId> parts;
  for (float s : *list) parts.push_back(g.emit("Unsqueeze", {g.constant(s, g.in(0)), g.constant_ints({0})}));
  return g.emit("Concat", std::move(parts), {{"axis", int64_t{0}}});
}

void gradient(Grad& g) {
  g.to_input(0, g.emit("ResizeGrad", {g.out_grad(0), g.in(0), kNoValue, scales_of(g)},
                       {{"mode", g.attr_string("mode", "nearest")},
                        {"coordinate_transformation_mode", std::string("asymmetric")},
                        {"nearest_mode", std::string("floor")}}));
}

constexpr OpDef kOpset7{.name = "Upsample",
                        .since = 7,
                        .source = "ONNX Upsample, scales as attribute",
                        .inputs = 1,
                        .infer = infer_resize,
                        .forward = resize_forward,
                        .gradient = gradient,
                        .samples = kSamples7};

}  // namespace

/// Replaced by Resize in opset 10, and still met in later files.
extern constexpr OpDef kUpsample{.name = "Upsample",
                                 .since = 9,
                                 .source = "ONNX Upsample",
                                 .inputs = 2,
                                 .infer = infer_resize,
                                 .forward = resize_forward,
                                 .gradient = gradient,
                                 .samples = kSamples,
                                 .older = &kOpset7};

}  // namespace dunlin::ops
