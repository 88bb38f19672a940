#include "graph/ops/pad.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"mode='reflect' pads=[1,1]", "f32[6] f32[4]"},
                               {"", "f32[6] f32[4] i64{1,1}"}};
}

/// dy, x, pads?, axes? -> the shape of x (only its shape is read): each cell receives what was copied from
/// it.
extern constexpr OpDef kPadGrad{
    .name = "PadGrad",
    .domain = kDunlinDomain,
    .source = "adjoint of ONNX Pad",
    .inputs = {2, 4},
    .infer = infer_like_input1,
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.output(0).shape();
          Padding p{std::vector<int64_t>(static_cast<size_t>(x.rank()), 0),
                    std::vector<int64_t>(static_cast<size_t>(x.rank()), 0)};
          std::vector<int64_t> pads = c.attr_ints("pads"), axes;
          if (c.has_input(2)) pads = to_ints(c.input(2));
          if (c.has_input(3)) axes = to_ints(c.input(3));
          for (int i = 0; axes.size() < pads.size() / 2; ++i) axes.push_back(i);
          for (size_t i = 0; i < axes.size(); ++i) {
            const size_t axis = static_cast<size_t>(c.normalize_axis(axes[i], x.rank()));
            p.before[axis] = pads[i];
            p.after[axis] = pads[i + axes.size()];
          }
          fill_zero(c.output(0));
          for_float_format(c.input(0).format(), [&]<typename T>() {
            const auto dy = c.in<T>(0);
            const auto dx = c.out<T>(0);
            for_each_padded(c, x, p, [&](size_t o, int64_t i) {
              if (i < 0) return;
              T& cell = dx[static_cast<size_t>(i)];
              cell = static_cast<T>(static_cast<ComputeType<T>>(cell) + static_cast<ComputeType<T>>(dy[o]));
            });
          });
        },
    .shape_only_inputs = 0b10,
    .samples = kSamples};

}  // namespace dunlin::ops
