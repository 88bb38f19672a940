#include "tensor/strided.h"

#include "base/error.h"

namespace dunlin {

namespace {
template <typename Word>
void copy_words(const Tensor& from, Tensor& to) {
  const Word* in = reinterpret_cast<const Word*>(from.plane(Plane::kPayload).data());
  Word* out = reinterpret_cast<Word*>(to.plane(Plane::kPayload).data());
  for_each_strided(
      from.shape(), [&](size_t, int64_t i, int64_t o) { out[o] = in[i]; }, from.strides(), to.strides());
}
}  // namespace

void copy_strided(const Tensor& from, Tensor& to) {
  DUNLIN_CHECK(from.format() == to.format() && from.shape() == to.shape());
  switch (element_bytes(from.format())) {
    case 1:
      return copy_words<uint8_t>(from, to);
    case 2:
      return copy_words<uint16_t>(from, to);
    case 4:
      return copy_words<uint32_t>(from, to);
    case 8:
      return copy_words<uint64_t>(from, to);
    default:
      DUNLIN_CHECK(false);
  }
}

}  // namespace dunlin
