#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

int hot_axis(const NodeView& a, int rank) { return a.normalize_axis(a.attr_int("axis", -1), rank + 1); }

Shape one_hot_shape(const NodeView& a, const Shape& indices, int64_t depth) {
  const int axis = hot_axis(a, indices.rank());
  Shape out;
  for (int d = 0; d <= indices.rank(); ++d) out.push_back(d == axis ? depth : indices[d < axis ? d : d - 1]);
  return out;
}

int64_t depth_of(const NodeView& a, const Tensor& t) {
  const double depth = t.num_elements() == 1 ? to_scalar(t.reshaped({})) : -1;
  if (!(depth >= 0 && depth <= 0x1p48)) a.error("depth is {}, a size is expected", depth);
  return static_cast<int64_t>(depth);
}

constexpr Sample kSamples[] = {{"", "i64{1,-1,7} i64[]{3} f32{0,1}"},
                               {"axis=0", "i64[2,2]{0,1,2,0} i64[1]{3} i32{5,9}"}};

}  // namespace

extern constexpr OpDef kOneHot{
    .name = "OneHot",
    .since = 9,
    .source = "ONNX OneHot",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) {
          return std::vector<Type>{
              {.format = a.format(2),
               .shape =
                   one_hot_shape(a, a.shape(0), a.constant(1) ? depth_of(a, *a.constant(1)) : kUnknownDim)}};
        },
    .forward =
        [](const OpCall& c) {
          const int64_t depth = depth_of(c, c.input(1));
          const Shape& in = c.input(0).shape();
          if (!c.output(0)) c.allocate(0, c.input(2).format(), one_hot_shape(c, in, depth));
          const std::vector<int64_t> rows = to_ints(c.input(0));
          int64_t inner = 1;
          for (int d = hot_axis(c, in.rank()); d < in.rank(); ++d) inner *= in[d];
          for_word(c.input(2).format(), [&]<typename Word>() {
            const auto values = word_elements<Word>(c.input(2));
            const auto y = word_elements<Word>(c.output(0));
            for (size_t o = 0; o < y.size(); ++o) y[o] = values[0];
            for (size_t i = 0; i < rows.size(); ++i) {
              const int64_t row = rows[i] < 0 ? rows[i] + depth : rows[i];
              if (row < 0 || row >= depth) continue;  // ONNX: outside indices give a row of off values
              const int64_t outer = static_cast<int64_t>(i) / inner, k = static_cast<int64_t>(i) % inner;
              y[static_cast<size_t>((outer * depth + row) * inner + k)] = values[1];
            }
          });
        },
    .stops_gradient = true,
    .narrow_inputs = 0b100,
    .samples = kSamples};

}  // namespace dunlin::ops
