#include "graph/ops/tile.h"

#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr int64_t kMost = int64_t{1} << 48;

std::vector<int64_t> repeats(const InferArgs& a, int rank) {
  const std::vector<int64_t> given = *a.ints("", 1);
  for (int64_t n : given)
    if (n < 0 || n > kMost) a.error("a repeat of {}, 0 to 2^48 is expected", n);
  if (a.opset() < 6) {  // tiles and axis, two scalars
    const auto axis = a.ints("", 2);
    std::vector<int64_t> out(static_cast<size_t>(rank), 1);
    if (given.size() != 1 || !axis || axis->size() != 1) a.error("tiles and axis must be one number each");
    out[static_cast<size_t>(a.normalize_axis((*axis)[0], rank))] = given[0];
    return out;
  }
  if (static_cast<int>(given.size()) != rank) a.error("{} repeats for rank {}", given.size(), rank);
  return given;
}

constexpr Sample kSamples[] = {
    {"", "f32[2,3] i64{2,2}"}, {"", "f32[2,3] i64{1,0}"}, {"", "f32[2,3] i64{2} i64{1}", 1}};

}  // namespace

extern constexpr OpDef kTile{
    .name = "Tile",
    .source = "ONNX Tile",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          Shape out = a.shape(0);
          const auto n = repeats(a, out.rank());
          for (int d = 0; d < out.rank(); ++d) {
            const int64_t times = n[static_cast<size_t>(d)];
            if (out[d] < 0) continue;
            if (times > 0 && out[d] > kMost / times)
              a.error("axis {} of {} {} times is more than 2^48", d, to_string(a.shape(0)), times);
            out[d] *= times;
          }
          return std::vector<Type>{{.format = a.format(0), .shape = out}};
        },
    .forward =
        [](const OpCall& c) {
          const Shape& x = c.input(0).shape();
          if (!c.output(0)) {
            Shape out = x;
            const auto n = to_ints(c.input(1));
            for (int d = 0; d < out.rank(); ++d) out[d] *= n[static_cast<size_t>(d)];
            c.allocate(0, c.input(0).format(), out);
          }
          for_word(c.input(0).format(), [&]<typename Word>() {
            const Word* in = words<Word>(c.input(0));
            const auto out = word_elements<Word>(c.output(0));
            for_each_tiled(c.input(0).shape(), c.output(0).shape(), c.input(0).strides(),
                           [&](size_t o, int64_t i) { out[o] = in[i]; });
          });
        },
    .gradient =
        [](Grad& g) {
          g.to_input(0, g.emit("TileGrad", {g.out_grad(0), g.in(0)}));
        },
    .strings = Strings::kNumbered,
    .narrow_inputs = 1,
    .samples = kSamples};

}  // namespace dunlin::ops
