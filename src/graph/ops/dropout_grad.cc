#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2,3] bool[2,3]{1,0,1,1,0,0} f32[]{0.25} bool[]{1}"},
                               {"", "f32[4] bool[4]{1,0,1,1}"}};
}

/// dx of Dropout: dy, mask, ratio (optional, 0.5), training_mode (optional, true)
///   -> dy / (1 - ratio) where the mask is set, else 0; dy itself outside training.
extern constexpr OpDef kDropoutGrad{
    .name = "DropoutGrad",
    .domain = kDunlinDomain,
    .source = "derivative of ONNX Dropout",
    .inputs = {2, 4},
    .infer = infer_same,
    .forward =
        [](const OpCall& c) {
          const bool trains = !c.has_input(3) || one_number(c, "training_mode", c.input(3)) != 0;
          const double ratio = !trains ? 0 : c.has_input(2) ? one_number(c, "ratio", c.input(2)) : 0.5;
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const auto dy = c.in<T>(0);
            const auto mask = c.in<bool>(1);
            const auto dx = c.out<T>(0);
            for (size_t i = 0; i < dy.size(); ++i)
              dx[i] = mask[i] ? from_double<T>(to_double(dy[i]) / (1 - ratio)) : T{};
          });
        },
    .samples = kSamples};

}  // namespace dunlin::ops
