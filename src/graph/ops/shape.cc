#include <algorithm>

#include "graph/op.h"

namespace dunlin::ops {

namespace {

std::pair<int, int> range(const NodeView& a, int rank) {
  const auto clip = [&](int64_t v) {
    return static_cast<int>(std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank));
  };
  const int start = clip(a.attr_int("start", 0));
  return {start, std::max(start, clip(a.attr_int("end", rank)))};
}

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]"}, {"start=-2", "f32[2,3,4]"}, {"start=1 end=2", "f32[2,3,4]"}};

}  // namespace

extern constexpr OpDef kShape{
    .name = "Shape",
    .source = "ONNX Shape",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          const auto [start, end] = range(a, a.shape(0).rank());
          return std::vector<Type>{{.format = &formats::kI64, .shape = Shape{end - start}}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.input(0).shape();
          const auto [start, end] = range(c, x.rank());
          for (int i = start; i < end; ++i) c.out<int64_t>(0)[static_cast<size_t>(i - start)] = x[i];
        },
    .shape_only_inputs = 1,
    .stops_gradient = true,
    .strings = Strings::kTaken,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
