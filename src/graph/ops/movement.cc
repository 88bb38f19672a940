#include "graph/ops/movement.h"

#include <algorithm>
#include <cstring>

namespace dunlin::ops {

void copy_logical(const Tensor& from, Tensor& to) {
  for_word(from.format(), [&]<typename Word>() {
    const Word* in = words<Word>(from);
    const auto out = word_elements<Word>(to);
    for_each_strided(
        from.shape(), [&](size_t i, int64_t o) { out[i] = in[o]; }, from.strides());
  });
}

void copy_window(const Tensor& from, int64_t offset, const Strides& strides, Tensor& to) {
  for_word(from.format(), [&]<typename Word>() {
    const Word* in = words<Word>(from) + offset;
    Word* out = words<Word>(to);
    for_each_strided(
        to.shape(), [&](size_t, int64_t i, int64_t o) { out[o] = in[i]; }, strides, to.strides());
  });
}

void scatter_window(const Tensor& from, Tensor& to, int64_t offset, const Strides& strides, bool add) {
  const auto scatter = [&]<typename T>(auto combine) {
    const T* in = reinterpret_cast<const T*>(from.plane(Plane::kPayload).data());
    T* out = reinterpret_cast<T*>(to.plane(Plane::kPayload).data()) + offset;
    for_each_strided(
        from.shape(), [&](size_t, int64_t i, int64_t o) { combine(out[o], in[i]); }, from.strides(), strides);
  };
  if (!add)
    return for_word(from.format(), [&]<typename Word>() {
      scatter.template operator()<Word>([](Word& o, Word i) { o = i; });
    });
  for_float_format(from.format(), [&]<typename T>() {
    scatter.template operator()<T>([](T& o, T i) {
      o = static_cast<T>(static_cast<ComputeType<T>>(o) + static_cast<ComputeType<T>>(i));
    });
  });
}

void fill_zero(Tensor& t) {
  for_word(t.format(), [&]<typename Word>() {
    Word* out = words<Word>(t);
    for_each_strided(
        t.shape(), [&](size_t, int64_t o) { out[o] = 0; }, t.strides());
  });
}

std::vector<Type> infer_like_input1(const InferArgs& a) {
  return {{.format = a.format(0), .shape = a.shape(1)}};
}

template <typename Args>
std::optional<std::vector<int>> sorted_axes(const Args& a, int rank, std::string_view attribute, int input) {
  const auto given = a.ints(attribute, input);
  if (!given) return std::nullopt;
  std::vector<int> axes;
  for (int64_t axis : *given) axes.push_back(a.normalize_axis(axis, rank));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) a.error("an axis is given twice");
  return axes;
}
template std::optional<std::vector<int>> sorted_axes(const InferArgs&, int, std::string_view, int);
template std::optional<std::vector<int>> sorted_axes(const OpCall&, int, std::string_view, int);

}  // namespace dunlin::ops
