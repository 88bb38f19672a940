#include "graph/autodiff/grad.h"
#include "graph/ops/resample.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"mode='nearest'", "f32[1,2,2,3] _ f32{1,1,2,1.5}"},
    {"mode='linear'", "f32[1,2,2,3] _ _ i64{1,2,3,5}"},
    {"mode='linear' coordinate_transformation_mode='align_corners'", "f32[1,1,3,3] _ f32{1,1,2,2}", 13},
    {"mode='cubic' coordinate_transformation_mode='pytorch_half_pixel'", "f32[1,1,4,4] _ f32{1,1,2,0.8}"},
    {"mode='cubic' exclude_outside=1 antialias=1", "f32[1,1,4,6] _ f32{1,1,0.6,0.5}"},
    {"mode='nearest' coordinate_transformation_mode='asymmetric' nearest_mode='floor'",
     "f32[1,2,2,2] f32[0]{} f32{1,1,2,2}", 11},
    {"mode='linear'", "f32[1,2,2,3,2] _ f32{1,1,2,1.5,2}"},
    {"mode='linear' coordinate_transformation_mode='half_pixel_symmetric' antialias=1",
     "f32[1,1,5,6] _ f32{1,1,0.5,0.7}", 19},
    {"mode='linear' axes=[-1,2] keep_aspect_ratio_policy='not_larger'", "f32[1,2,4,3] _ _ i64{7,6}", 18},
    {"mode='linear' coordinate_transformation_mode='tf_crop_and_resize' extrapolation_value=0.5",
     "f32[1,1,4,4] f32{0,0,0.2,-0.3,1,1,0.8,0.9} _ i64{1,1,3,5}", 13},
    {"mode='cubic' cubic_coeff_a=-0.5 coordinate_transformation_mode='align_corners'",
     "f32[2,5] _ _ i64{2,8}"},
    {"mode='nearest' nearest_mode='ceil' coordinate_transformation_mode='asymmetric'",
     "f32[1,1,4,3] _ f32{1,1,0.6,1.7}"},
    {"mode='nearest' nearest_mode='round_prefer_ceil'", "f32[1,2,5] _ f32{1,1,1.6}"},
};
constexpr Sample kSamples10[] = {{"mode='linear'", "f32[1,1,2,3] f32{1,1,2,2}", 10},
                                 {"", "f32[1,1,2,3] f32{1,1,0.5,2}", 10}};

void gradient(Grad& g) {
  g.to_input(0,
             g.emit("ResizeGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(2), g.in(3)}, g.node().attributes));
}

constexpr OpDef kOpset10{.name = "Resize",
                         .since = 10,
                         .source = "ONNX Resize, scales only",
                         .inputs = 2,
                         .infer = infer_resize,
                         .forward = resize_forward,
                         .gradient =
                             [](Grad& g) {
                               g.to_input(
                                   0, g.emit("ResizeGrad", {g.out_grad(0), g.in(0), kNoValue, g.in(1)},
                                             {{"mode", g.attr_string("mode", "nearest")},
                                              {"coordinate_transformation_mode", std::string("asymmetric")},
                                              {"nearest_mode", std::string("floor")}}));
                             },
                         .samples = kSamples10};

}  // namespace

extern constexpr OpDef kResize{.name = "Resize",
                               .since = 11,
                               .source = "ONNX Resize",
                               .inputs = {1, 4},
                               .infer = infer_resize,
                               .forward = resize_forward,
                               .gradient = gradient,
                               .samples = kSamples,
                               .older = &kOpset10};

}  // namespace dunlin::ops
