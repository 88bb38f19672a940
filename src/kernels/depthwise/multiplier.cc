#include "kernels/depthwise/multiplier.h"

#include <algorithm>

#include "kernels/pointwise/unary.h"

namespace dunlin {

namespace {

/// Calls visit(input pixel, kernel tap) for the taps of output pixel (oy, ox) that lie inside the image.
template <typename Visit>
void for_taps(const DepthwiseDims& d, size_t oy, size_t ox, const Visit& visit) {
  for (size_t ky = 0; ky < d.kernel_h; ++ky) {
    const size_t iy =
        oy * d.stride_h + ky * d.dilation_h - d.pad_top;  // wraps below 0, and is then too large
    if (iy >= d.h) continue;
    for (size_t kx = 0; kx < d.kernel_w; ++kx) {
      const size_t ix = ox * d.stride_w + kx * d.dilation_w - d.pad_left;
      if (ix < d.w) visit(iy * d.w + ix, ky * d.kernel_w + kx);
    }
  }
}

}  // namespace

void depthwise_multiplier_forward(ThreadPool& pool, Isa isa, const DepthwiseDims& d, const float* x,
                                  const float* weight, const Epilogue& e, float* y) {
  const size_t channels = d.c * d.multiplier, pixels = d.out_h * d.out_w;
  pool.parallel_for(d.n * d.out_h, [&](size_t row, int) {
    const float* image = x + row / d.out_h * d.h * d.w * d.c;
    for (size_t ox = 0; ox < d.out_w; ++ox) {
      const size_t pixel = row * d.out_w + ox;
      float* out = y + pixel * channels;
      for (size_t o = 0; o < channels; ++o) {
        float sum = e.bias ? e.bias[o] : 0;
        for_taps(d, row % d.out_h, ox, [&](size_t from, size_t tap) {
          sum += image[from * d.c + o / d.multiplier] * weight[tap * channels + o];
        });
        out[o] =
            sum +
            (e.residual
                 ? e.residual[static_cast<ptrdiff_t>(pixel) * e.residual_stride + static_cast<ptrdiff_t>(o)]
                 : 0);
      }
    }
  });
  activation(pool, isa, e.activation, y, y, d.n * pixels * channels);
}

void depthwise_multiplier_backward_data(ThreadPool& pool, const DepthwiseDims& d, const float* dy,
                                        const float* weight, float* dx) {
  const size_t channels = d.c * d.multiplier, image_size = d.h * d.w * d.c;
  pool.parallel_for(d.n, [&](size_t n, int) {
    float* image = dx + n * image_size;
    std::fill_n(image, image_size, 0.f);
    for (size_t p = 0; p < d.out_h * d.out_w; ++p) {
      const float* out = dy + (n * d.out_h * d.out_w + p) * channels;
      for_taps(d, p / d.out_w, p % d.out_w, [&](size_t to, size_t tap) {
        for (size_t o = 0; o < channels; ++o) {
          image[to * d.c + o / d.multiplier] += out[o] * weight[tap * channels + o];
        }
      });
    }
  });
}

void depthwise_multiplier_backward_weight(ThreadPool& pool, const DepthwiseDims& d, const float* x,
                                          const float* dy, float* dweight) {
  const size_t channels = d.c * d.multiplier, taps = d.kernel_h * d.kernel_w, pixels = d.out_h * d.out_w;
  pool.parallel_for(channels, [&](size_t o, int) {
    for (size_t t = 0; t < taps; ++t) dweight[t * channels + o] = 0;
    for (size_t n = 0; n < d.n; ++n) {
      const float* image = x + n * d.h * d.w * d.c + o / d.multiplier;
      for (size_t p = 0; p < pixels; ++p) {
        const float g = dy[(n * pixels + p) * channels + o];
        for_taps(d, p / d.out_w, p % d.out_w,
                 [&](size_t from, size_t tap) { dweight[tap * channels + o] += image[from * d.c] * g; });
      }
    }
  });
}

}  // namespace dunlin
