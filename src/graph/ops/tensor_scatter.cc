#include "graph/ops/checks.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4,2] f32[2,3,1,2] i64{1,3}"},
    {"mode='circular'", "f32[2,4,2] f32[2,3,2] i64{3,-2}"},
    {"axis=1", "i32[2,3]@0..9 i32[2,2]@0..9"},
};

int axis_of(const NodeView& a, const Shape& cache, const Shape& update) {
  const int axis = a.normalize_axis(a.attr_int("axis", -2), cache.rank());
  if (axis == 0) a.error("axis is 0, which is the batch");
  bool fits = update.rank() == cache.rank();
  for (int d = 0; fits && d < cache.rank(); ++d)
    fits = d == axis ? cache[d] < 0 || update[d] <= cache[d] : may_equal(cache[d], update[d]);
  if (!fits)
    a.error("the cache is {}, the update {}: all axes but {} must agree, which may not be longer",
            to_string(cache), to_string(update), axis);
  return axis;
}

void forward(const OpCall& c) {
  const Tensor &cache = c.input(0), &update = c.input(1);
  const int axis = axis_of(c, cache.shape(), update.shape());
  const std::string mode = c.attr_string("mode", "linear");
  if (mode != "linear" && mode != "circular") c.error("mode is \"{}\", linear or circular is expected", mode);
  const int64_t batch = cache.shape()[0], room = cache.shape()[axis], length = update.shape()[axis];
  std::vector<int64_t> first(static_cast<size_t>(batch), 0);
  if (c.has_input(2)) first = to_ints(c.input(2));
  if (static_cast<int64_t>(first.size()) != batch)
    c.error("write_indices has {} elements, the batch {}", first.size(), batch);
  for (int64_t& at : first) {
    if (mode == "circular" && room > 0) at = (at % room + room) % room;
    if (mode == "linear" && (at < 0 || at > room - length))
      c.error("write_indices holds {}: an update of {} does not fit at it in a cache of {}", at, length,
              room);
  }
  Tensor& y = c.output(0);
  copy_logical(cache, y);
  if (update.num_elements() == 0) return;
  // One slice of the sequence at a time: where a circle closes, an update has two parts.
  Shape slice = update.shape();
  slice[0] = slice[axis] = 1;
  const auto along = static_cast<size_t>(axis);
  for_word(y.format(), [&]<typename Word>() {
    const Word* in = words<Word>(update);
    Word* out = words<Word>(y);
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t s = 0; s < length; ++s) {
        const int64_t from = b * update.strides()[0] + s * update.strides()[along];
        const int64_t to =
            b * y.strides()[0] + (first[static_cast<size_t>(b)] + s) % room * y.strides()[along];
        for_each_strided(
            slice, [&](size_t, int64_t i, int64_t o) { out[to + o] = in[from + i]; }, update.strides(),
            y.strides());
      }
  });
}

}  // namespace

/// cache [batch, ..., room, ...], update [batch, ..., length, ...], write_indices [batch] -> the cache with the
/// update at those places of its axis.
extern constexpr OpDef kTensorScatter{
    .name = "TensorScatter",
    .since = 24,
    .source = "ONNX TensorScatter",
    .inputs = {2, 3},
    .infer =
        [](const InferArgs& a) {
          if (a.format(0) && a.format(1) && a.format(0) != a.format(1))
            a.error("the cache is {}, the update {}", a.format(0)->name, a.format(1)->name);
          if (a.has_shape(0) && a.has_shape(1)) axis_of(a, a.shape(0), a.shape(1));
          return std::vector<Type>{{.format = a.format(0), .shape = a.type(0).shape}};
        },
    .forward = forward,
    .narrow_inputs = 0b11,
    .samples = kSamples};

}  // namespace dunlin::ops
