#include "kernels/pointwise/accumulate_simd.h"

#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

void axpby(float a, const float* x, float b, float* y, size_t n) {
  const F32 d;
  const VF va = hn::Set(d, a), vb = hn::Set(d, b);
  if (b == 0) {
    for_lanes(n, [&](size_t i, auto load, auto store) { store(hn::Mul(va, load(x + i)), y + i); });
  } else {
    for_lanes(n, [&](size_t i, auto load, auto store) {
      store(hn::MulAdd(va, load(x + i), hn::Mul(vb, load(y + i))), y + i);
    });
  }
}

void sum(const float* const* inputs, size_t count, size_t begin, float* y, size_t n) {
  for_lanes(n, [&](size_t i, auto load, auto store) {
    VF total = load(inputs[0] + begin + i);
    for (size_t k = 1; k < count; ++k) total = hn::Add(total, load(inputs[k] + begin + i));
    store(total, y + i);
  });
}

}  // namespace

constexpr AccumulateTable accumulate_table{axpby, sum};

}  // namespace dunlin::HWY_NAMESPACE
