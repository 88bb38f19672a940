#include "kernels/softmax/softmax_simd.h"

#include "kernels/simd/math-inl.h"
#include "kernels/simd/row_sum-inl.h"

namespace dunlin::HWY_NAMESPACE {
namespace {

/// The largest of a row, a NaN left out: it comes back through the exponentials.
VF row_max(size_t c, const float* x) {
  return constant(row_reduce(
      c, -HUGE_VALF, [&](size_t i, auto load) { return load(x + i); },
      [](VF a, VF b) { return hn::Max(a, b); }));
}

void forward(size_t rows, size_t c, const float* x, float* y) {
  for (size_t r = 0; r < rows; ++r, x += c, y += c) {
    const VF max = row_max(c, x);
    for_lanes(c, [&](size_t i, auto load, auto store) { store(vexp(hn::Sub(load(x + i), max)), y + i); });
    const VF sum = constant(row_sum(c, [&](size_t i, auto load) { return load(y + i); }));
    const VF inverse = hn::Div(constant(1), sum);
    for_lanes(c, [&](size_t i, auto load, auto store) { store(hn::Mul(load(y + i), inverse), y + i); });
  }
}

void backward(size_t rows, size_t c, const float* dy, const float* y, float* dx) {
  for (size_t r = 0; r < rows; ++r, dy += c, y += c, dx += c) {
    const VF dot =
        constant(row_sum(c, [&](size_t i, auto load) { return hn::Mul(load(dy + i), load(y + i)); }));
    for_lanes(c, [&](size_t i, auto load, auto store) {
      store(hn::Mul(load(y + i), hn::Sub(load(dy + i), dot)), dx + i);
    });
  }
}

void log_forward(size_t rows, size_t c, const float* x, float* y) {
  for (size_t r = 0; r < rows; ++r, x += c, y += c) {
    const VF max = row_max(c, x);
    const VF sum = constant(row_sum(c, [&](size_t i, auto load) { return vexp(hn::Sub(load(x + i), max)); }));
    const VF log_sum = vlog(sum);
    for_lanes(c, [&](size_t i, auto load, auto store) {
      store(hn::Sub(hn::Sub(load(x + i), max), log_sum), y + i);
    });
  }
}

void log_backward(size_t rows, size_t c, const float* dy, const float* y, float* dx) {
  for (size_t r = 0; r < rows; ++r, dy += c, y += c, dx += c) {
    const VF sum = constant(row_sum(c, [&](size_t i, auto load) { return load(dy + i); }));
    for_lanes(c, [&](size_t i, auto load, auto store) {
      store(hn::NegMulAdd(vexp(load(y + i)), sum, load(dy + i)), dx + i);
    });
  }
}

}  // namespace

constexpr SoftmaxTable softmax_table{forward, backward, log_forward, log_backward};

}  // namespace dunlin::HWY_NAMESPACE
