// What ops that only move elements share. They copy words of the element's size, whatever its meaning.
#pragma once

#include "graph/op.h"
#include "tensor/strided.h"

namespace dunlin::ops {

/// Calls f.operator()<Word>() with the unsigned integer as wide as one element.
template <typename F>
decltype(auto) for_word(Format format, F&& f) {
  switch (is_plain(format) ? element_bytes(format) : 0) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    default:
      fail_format(format);
  }
}

template <typename Word>
const Word* words(const Tensor& t) {
  return reinterpret_cast<const Word*>(t.plane(Plane::kPayload).data());
}
template <typename Word>
Word* words(Tensor& t) {
  return reinterpret_cast<Word*>(t.plane(Plane::kPayload).data());
}
template <typename Word>
Elements<const Word> word_elements(const Tensor& t) {
  return {words<Word>(t), t.shape(), t.strides(), t.is_row_major()};
}
template <typename Word>
Elements<Word> word_elements(Tensor& t) {
  return {words<Word>(t), t.shape(), t.strides(), t.is_row_major()};
}

/// Element by element in row-major order, between shapes of as many elements.
void copy_logical(const Tensor& from, Tensor& to);
/// to[index] = from[offset + sum index * strides]: a strided window of `from` with the shape of `to`.
void copy_window(const Tensor& from, int64_t offset, const Strides& strides, Tensor& to);
/// to[offset + sum index * strides] = from[index], or += when `add` (floating-point formats only).
void scatter_window(const Tensor& from, Tensor& to, int64_t offset, const Strides& strides, bool add);
void fill_zero(Tensor& t);

/// Infers nothing but the type of input 0 with the shape of input 1 (the "like" ops of gradients).
std::vector<Type> infer_like_input1(const InferArgs& a);

/// Squeeze and Unsqueeze take their axes as attribute or as input; sorted and counted from the front.
template <typename Args>
std::optional<std::vector<int>> sorted_axes(const Args& a, int rank, std::string_view attribute = "axes",
                                            int input = 1);

}  // namespace dunlin::ops
