// Reductions along a row that lies densely in memory.
#pragma once

#include "kernels/simd/simd-inl.h"

namespace dunlin::HWY_NAMESPACE {

/// Joins at(i, load) for i = 0, kLanes, ... over [0, n), in eight chains and then in pairs. Lanes behind n
/// count as `start`, which must not change what it is joined with.
template <typename At, typename Join>
HWY_INLINE float row_reduce(size_t n, float start, const At& at, const Join& join) {
  const F32 d;
  const auto load = [d](const float* p) { return hn::LoadU(d, p); };
  const VF vstart = hn::Set(d, start);
  VF part[8];
  for (VF& p : part) p = vstart;
  size_t i = 0;
  for (; i + 8 * kLanes <= n; i += 8 * kLanes) {
    for (size_t k = 0; k < 8; ++k) part[k] = join(part[k], at(i + k * kLanes, load));
  }
  for (; i + kLanes <= n; i += kLanes) part[0] = join(part[0], at(i, load));
  if (const size_t rest = n - i; rest != 0) {
    const VF last = at(i, [d, rest](const float* p) { return load_first(d, p, rest); });
    part[1] = join(part[1], hn::IfThenElse(hn::FirstN(d, rest), last, vstart));
  }
  HWY_ALIGN float lanes[kLanes];
  for (size_t width = 4; width > 0; width /= 2) {
    for (size_t k = 0; k < width; ++k) part[k] = join(part[k], part[k + width]);
  }
  hn::Store(part[0], d, lanes);
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t k = 0; k < width; ++k) {
      lanes[k] = hn::GetLane(join(hn::Set(d, lanes[k]), hn::Set(d, lanes[k + width])));
    }
  }
  return lanes[0];
}

template <typename At>
HWY_INLINE float row_sum(size_t n, const At& at) {
  return row_reduce(n, 0.f, at, [](VF a, VF b) { return hn::Add(a, b); });
}

}  // namespace dunlin::HWY_NAMESPACE
