#include "graph/ops/pad.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

Shape padded(const Shape& x, const Padding& p, const NodeView& a) {
  Shape y = x;
  for (int d = 0; d < x.rank(); ++d) {
    if (x[d] < 0) continue;
    y[d] += p.before[static_cast<size_t>(d)] + p.after[static_cast<size_t>(d)];
    if (y[d] < 0) a.error("padding {} leaves a negative size along axis {}", to_string(x), d);
  }
  return y;
}

/// What stands in the new cells: one element like those of input 0.
Tensor padding_value(const OpCall& c) {
  const Format format = c.input(0).format();
  if (c.has_input(2)) {
    check_one(c, "constant_value", c.input(2));
    if (c.input(2).format() != format)
      c.error("constant_value is {}, the data are {}", c.input(2).format()->name, format->name);
    return c.input(2).view();
  }
  Tensor value(format, {1});
  if (!format->narrow)
    for_format(format, [&]<typename T>() { *value.data<T>() = to_element<T>(c.attr_float("value", 0)); });
  return value;
}

constexpr Sample kSamples[] = {{"", "f32[2,3] i64{0,1,2,0}"},
                               {"mode='reflect'", "f32[3,4] i64{1,2,0,3}"},
                               {"mode='edge'", "f32[2,3] i64{1,1,1,1}"},
                               {"", "f32[2,3] i64{-1,0,1,2} f32[]{0.5}"},
                               {"", "f32[2,3] i64{1,2} _ i64{-1}"},
                               {"mode='wrap'", "f32[3,2] i64{1,3,2,0}", 19},
                               {"mode='reflect'", "f32[1,3,3,4] i64{0,1,2,0,0,2,1,3}"},
                               {"mode='edge'", "f32[2,4,3] i64{2,-1,0,1} _ i64{0,-1}"},
                               {"pads=[0,1,0,1] value=0.5", "f32[2,3]", 2}};

}  // namespace

extern constexpr OpDef kPad{
    .name = "Pad",
    .source = "ONNX Pad",
    .inputs = {1, 4},
    .infer =
        [](const InferArgs& a) {
          if (a.has_input(2) && a.format(0) && a.format(2) && a.format(0) != a.format(2))
            a.error("constant_value is {}, the data are {}", a.format(2)->name, a.format(0)->name);
          return std::vector<Type>{
              {.format = a.format(0), .shape = padded(a.shape(0), padding_of(a, a.shape(0).rank(), 1), a)}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.input(0).shape();
          const Padding p = padding_of(c, x.rank(), 1);
          if (!c.output(0)) c.allocate(0, c.input(0).format(), padded(x, p, c));
          const Tensor value = padding_value(c);
          for_word(value.format(), [&]<typename Word>() {
            const Word fill = *words<Word>(value);
            const auto in = word_elements<Word>(c.input(0));
            const auto out = word_elements<Word>(c.output(0));
            for_each_padded(c, x, p,
                            [&](size_t o, int64_t i) { out[o] = i < 0 ? fill : in[static_cast<size_t>(i)]; });
          });
        },
    .gradient =
        [](Grad& g) {
          Attributes attributes = g.node().attributes;
          if (attributes.contains("paddings")) attributes["pads"] = attributes["paddings"];
          g.to_input(0, g.emit("PadGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(3)}, std::move(attributes)));
        },
    .narrow_inputs = 0b101,
    .samples = kSamples};

}  // namespace dunlin::ops
