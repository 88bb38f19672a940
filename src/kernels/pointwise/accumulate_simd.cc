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

}  // namespace

constexpr AccumulateTable accumulate_table{axpby};

}  // namespace dunlin::HWY_NAMESPACE
