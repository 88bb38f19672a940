#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

bool flattens(const NodeView& a) { return !a.has_attr("axis"); }

constexpr Sample kSamples[] = {{"axis=0", "f32[3,2] bool{0,1,1}"},
                               {"axis=-1", "f32[2,3] bool{1}"},
                               {"", "f32[2,3] bool{0,1,0,0,1}"},
                               {"", "i32[2,3]@0..9 bool{0,1,0,0,1}"}};

/// A Gather of the rows for which the condition holds.
void gradient(Grad& g) {
  const ValueId rows = g.emit("Squeeze", {g.emit("NonZero", {g.in(1)}), g.constant_ints({0})});
  const bool flat = flattens(g);
  const ValueId x = flat ? g.emit("Reshape", {g.in(0), g.constant_ints({-1})}) : g.in(0);
  const ValueId dx = g.emit("GatherGrad", {g.out_grad(0), x, rows}, {{"axis", g.attr_int("axis", 0)}});
  g.to_input(0, flat ? g.emit("ReshapeLike", {dx, g.in(0)}) : dx);
}

}  // namespace

/// Rows of `axis` (elements, without the attribute) for which the condition holds; beyond its end it does
/// not.
extern constexpr OpDef kCompress{
    .name = "Compress",
    .since = 9,
    .source = "ONNX Compress",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          Shape out = flattens(a) ? Shape{kUnknownDim} : a.shape(0);
          if (!flattens(a)) out[a.normalize_axis(a.attr_int("axis", 0), out.rank())] = kUnknownDim;
          return std::vector<Type>{{.format = a.format(0), .shape = std::move(out)}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape s = flattens(c) ? Shape{c.input(0).num_elements()} : c.input(0).shape();
          const int axis = flattens(c) ? 0 : c.normalize_axis(c.attr_int("axis", 0), s.rank());
          const auto condition = c.in<bool>(1);
          if (static_cast<int64_t>(condition.size()) > s[axis])
            c.error("the condition has {} elements, the axis {}", condition.size(), s[axis]);
          std::vector<int64_t> rows;
          for (size_t i = 0; i < condition.size(); ++i)
            if (condition[i]) rows.push_back(static_cast<int64_t>(i));
          int64_t outer = 1, inner = 1;
          for (int d = 0; d < axis; ++d) outer *= s[d];
          for (int d = axis + 1; d < s.rank(); ++d) inner *= s[d];
          Shape out = s;
          out[axis] = static_cast<int64_t>(rows.size());
          c.allocate(0, c.input(0).format(), out);
          for_word(c.input(0).format(), [&]<typename Word>() {
            const auto x = word_elements<Word>(c.input(0));
            const auto y = word_elements<Word>(c.output(0));
            size_t o = 0;
            for (int64_t b = 0; b < outer; ++b)
              for (int64_t row : rows)
                for (int64_t k = 0; k < inner; ++k)
                  y[o++] = x[static_cast<size_t>((b * s[axis] + row) * inner + k)];
          });
        },
    .gradient = gradient,
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
