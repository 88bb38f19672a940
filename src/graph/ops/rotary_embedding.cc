#include "graph/autodiff/grad.h"
#include "graph/ops/channels.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"",
     "f32[2,3,2,4] f32[3,2]{0.5,-0.8,0.1,0.9,-0.3,0.7} f32[3,2]{0.4,0.2,-0.6,0.3,0.8,-0.1} i64[2,2]{0,2,1,1}",
     23},
    {"interleaved=1", "f32[1,3,2,4] f32[1,2,2]{0.5,-0.8,0.1,0.9} f32[1,2,2]{0.4,0.2,-0.6,0.3}", 23},
    {"num_heads=2 rotary_embedding_dim=2",
     "f32[2,2,8] f32[3,2]{0.5,9,-0.8,9,0.1,9} f32[3,1]{0.4,0.2,0.9} i64[2,2]{0,2,1,1}", 23},
    {"num_heads=2 rotary_embedding_dim=2 interleaved=1",
     "f32[1,2,8] f32[1,2,1]{0.5,-0.8} f32[1,2,1]{0.4,0.2}", 23},
};

struct Rotary {
  int64_t batch, heads, length, head, half;  ///< half: of the elements that turn
  bool heads_first;

  Rotary(const NodeView& a, const Shape& x) : heads_first(x.rank() == 4) {
    if (x.rank() != 3 && x.rank() != 4) a.error("X is {}, 3 or 4 axes are expected", to_string(x));
    batch = x[0];
    length = x[heads_first ? 2 : 1];
    heads = heads_first ? x[1] : a.attr_int("num_heads", 0);
    if (!heads_first && (heads < 1 || (x[2] >= 0 && x[2] % heads != 0)))
      a.error("num_heads is {}, X is {}", heads, to_string(x));
    head = heads_first ? x[3] : x[2] < 0 ? kUnknownDim : x[2] / heads;
    const int64_t given = a.attr_int("rotary_embedding_dim", 0), turned = given == 0 ? head : given;
    if (given < 0 || (head >= 0 && (turned > head || turned % 2 != 0)))
      a.error("{} of {} elements of a head are to turn, an even number is expected", turned, head);
    half = turned < 0 ? kUnknownDim : turned / 2;
  }
};

std::vector<Type> infer(const InferArgs& a) {
  const Rotary r(a, a.shape(0));
  const Shape place = a.has_input(3) ? Shape{kUnknownDim} : Shape{r.batch, r.length};
  for (int i : {1, 2}) {
    if (!a.has_shape(i)) continue;
    // What is wider than the part of a head that turns is read as far as that goes.
    const Shape& cache = a.shape(i);
    Shape expected = place;
    expected.push_back(cache.rank() > 0 && cache[cache.rank() - 1] >= r.half ? kUnknownDim : r.half);
    if (!shapes_agree(cache, expected))
      a.error("the {} cache is {}, {} is expected", i == 1 ? "cosine" : "sine", to_string(cache),
              to_string(expected));
  }
  if (a.has_input(3) && a.format(3) && a.format(3) != &formats::kI64)
    a.error("position_ids is {}, i64 is expected", a.format(3)->name);
  if (a.has_shape(3)) {
    const Shape expected{r.batch, r.length};
    if (!shapes_agree(a.shape(3), expected))
      a.error("position_ids is {}, {} is expected", to_string(a.shape(3)), to_string(expected));
  }
  return {a.type(0)};
}

void forward(const OpCall& c) {
  const Rotary r(c, c.input(0).shape());
  const bool interleaved = c.attr_int("interleaved", 0) != 0;
  std::vector<double> x = to_doubles(c.input(0));
  const std::vector<double> cosine = to_doubles(c.input(1)), sine = to_doubles(c.input(2));
  const auto last = [&](int i) { return c.input(i).shape()[c.input(i).shape().rank() - 1]; };
  const int64_t width[] = {last(1), last(2)};
  std::vector<int64_t> ids;
  if (c.has_input(3)) {
    ids = to_ints(c.input(3));
    for (int64_t id : ids)
      for (int i : {1, 2})
        if (id < 0 || id >= c.input(i).shape()[0])
          c.error("position_ids holds {}, 0 to {} is expected", id, c.input(i).shape()[0] - 1);
  }
  for (int64_t b = 0; r.half > 0 && b < r.batch; ++b)
    for (int64_t h = 0; h < r.heads; ++h)
      for (int64_t t = 0; t < r.length; ++t) {
        const int64_t row =
            r.heads_first ? (b * r.heads + h) * r.length + t : (b * r.length + t) * r.heads + h;
        const int64_t place = b * r.length + t, turn = ids.empty() ? place : ids[static_cast<size_t>(place)];
        double* const v = x.data() + row * r.head;
        for (int64_t i = 0; i < r.half; ++i) {
          double &re = v[interleaved ? 2 * i : i], &im = v[interleaved ? 2 * i + 1 : i + r.half];
          const double co = cosine[static_cast<size_t>(turn * width[0] + i)],
                       si = sine[static_cast<size_t>(turn * width[1] + i)];
          const double turned = co * re - si * im;
          im = si * re + co * im;
          re = turned;
        }
      }
  store_doubles(c, 0, x);
}

/// Turned back.
void gradient(Grad& g) {
  if (g.needs(1) || g.needs(2)) g.unsupported("the caches of sine and cosine cannot be trained");
  g.to_input(
      0, g.emit("RotaryEmbedding", {g.out_grad(0), g.in(1), g.neg(g.in(2)), g.in(3)}, g.node().attributes));
}

}  // namespace

/// Turns pairs of a head's elements by an angle that grows with the position.
extern constexpr OpDef kRotaryEmbedding{.name = "RotaryEmbedding",
                                        .since = 23,
                                        .source = "ONNX RotaryEmbedding",
                                        .inputs = {3, 4},
                                        .infer = infer,
                                        .forward = forward,
                                        .gradient = gradient,
                                        .samples = kSamples};

}  // namespace dunlin::ops
