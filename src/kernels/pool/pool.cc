#include "kernels/pool/pool.h"

#include <algorithm>

#include "kernels/pool/pool_simd.h"

namespace dunlin {

namespace {

/// One axis of a window: the cells inside the image, and how many lie inside the padded image.
struct Span {
  size_t begin, end, padded_cells, cells;
};
Span span_of(size_t out, size_t in, size_t kernel, size_t stride, size_t dilation, size_t pad,
             size_t pad_end) {
  const size_t first = out * stride, reach = (kernel - 1) * dilation + 1;
  if (first >= pad && first + reach <= pad + in)  // most windows see no border
    return {.begin = first - pad, .end = first - pad + reach, .padded_cells = kernel, .cells = kernel};
  // How many of the window's cells lie before `limit` in the padded image.
  const auto before = [&](size_t limit) {
    return first >= limit ? size_t{0} : std::min(kernel, (limit - first + dilation - 1) / dilation);
  };
  const size_t outside = before(pad);
  Span s{
      .begin = 0, .end = 0, .padded_cells = before(pad + in + pad_end), .cells = before(pad + in) - outside};
  if (s.cells > 0) {
    s.begin = first + outside * dilation - pad;
    s.end = s.begin + (s.cells - 1) * dilation + 1;
  }
  return s;
}

PoolWindow window_of(const PoolDims& d, size_t oy, size_t ox) {
  const Span y = span_of(oy, d.h, d.kernel_h, d.stride_h, d.dilation_h, d.pad_top, d.pad_bottom);
  const Span x = span_of(ox, d.w, d.kernel_w, d.stride_w, d.dilation_w, d.pad_left, d.pad_right);
  const size_t count = d.count_include_pad ? y.padded_cells * x.padded_cells : y.cells * x.cells;
  return {y.begin, y.end, x.begin, x.end, count == 0 ? 0.f : 1.f / static_cast<float>(count)};
}

/// Calls run(row of all images, window, column) for every output pixel, rows split between threads.
template <typename Run>
void for_windows(ThreadPool& pool, const PoolDims& d, const Run& run) {
  const size_t work = std::max<size_t>(1, d.out_w * d.c * d.kernel_h * d.kernel_w);
  const size_t step = std::max<size_t>(1, (size_t{1} << 16) / work), rows = d.n * d.out_h;
  pool.parallel_for((rows + step - 1) / step, [&](size_t task, int) {
    for (size_t row = task * step; row < std::min(rows, (task + 1) * step); ++row) {
      for (size_t ox = 0; ox < d.out_w; ++ox)
        run(row / d.out_h, window_of(d, row % d.out_h, ox), row * d.out_w + ox);
    }
  });
}

template <typename T>
const PoolForward<T>& forward_of(Isa isa) {
  if constexpr (std::is_same_v<T, float>)
    return pool_table_of(isa).forward;
  else
    return pool_table_of(isa).forward_bf16;
}

/// Calls run(image) for every image: a backward pass adds into its own image only, in a fixed order.
template <typename Run>
void for_images(ThreadPool& pool, const PoolDims& d, float* dx, const Run& run) {
  const size_t size = d.h * d.w * d.c;
  pool.parallel_for(d.n, [&](size_t n, int) {
    std::fill_n(dx + n * size, size, 0.f);
    run(n, dx + n * size);
  });
}

}  // namespace

template <typename T>
void max_pool_forward(ThreadPool& pool, Isa isa, const PoolDims& d, const T* x, T* y, int32_t* argmax) {
  const auto& table = forward_of<T>(isa);
  for_windows(pool, d, [&](size_t n, const PoolWindow& window, size_t pixel) {
    table.max_window(d, window, x + n * d.h * d.w * d.c, y + pixel * d.c,
                     argmax ? argmax + pixel * d.c : nullptr);
  });
}

void max_pool_backward(ThreadPool& pool, Isa, const PoolDims& d, const float* dy, const int32_t* argmax,
                       float* dx) {
  const size_t size = d.out_h * d.out_w;
  for_images(pool, d, dx, [&](size_t n, float* image) {
    for (size_t pixel = n * size; pixel < (n + 1) * size; ++pixel) {
      for (size_t i = 0; i < d.c; ++i) {
        image[static_cast<size_t>(argmax[pixel * d.c + i]) * d.c + i] += dy[pixel * d.c + i];
      }
    }
  });
}

template <typename T>
void average_pool_forward(ThreadPool& pool, Isa isa, const PoolDims& d, const T* x, T* y) {
  const auto& table = forward_of<T>(isa);
  for_windows(pool, d, [&](size_t n, const PoolWindow& window, size_t pixel) {
    table.average_window(d, window, x + n * d.h * d.w * d.c, y + pixel * d.c);
  });
}

void average_pool_backward(ThreadPool& pool, Isa isa, const PoolDims& d, const float* dy, float* dx) {
  const auto& table = pool_table_of(isa);
  for_images(pool, d, dx, [&](size_t n, float* image) {
    for (size_t oy = 0; oy < d.out_h; ++oy) {
      for (size_t ox = 0; ox < d.out_w; ++ox) {
        table.average_window_backward(d, window_of(d, oy, ox), dy + ((n * d.out_h + oy) * d.out_w + ox) * d.c,
                                      image);
      }
    }
  });
}

template <typename T>
void global_average_pool_forward(ThreadPool& pool, Isa isa, size_t n, size_t hw, size_t c, const T* x, T* y) {
  const auto& table = forward_of<T>(isa);
  const auto run = [&](size_t i, int) {
    table.sum_pixels(hw, c, x + i * hw * c, 1.f / static_cast<float>(hw), y + i * c);
  };
  if (n * hw * c < (size_t{1} << 16)) {
    for (size_t i = 0; i < n; ++i) run(i, 0);
  } else {
    pool.parallel_for(n, run);
  }
}

void global_average_pool_backward(ThreadPool& pool, Isa isa, size_t n, size_t hw, size_t c, const float* dy,
                                  float* dx) {
  const auto& table = pool_table_of(isa);
  const float scale = 1.f / static_cast<float>(hw);
  pool.parallel_for(n,
                    [&](size_t i, int) { table.spread_pixels(hw, c, dy + i * c, scale, dx + i * hw * c); });
}

template void max_pool_forward(ThreadPool&, Isa, const PoolDims&, const float*, float*, int32_t*);
template void average_pool_forward(ThreadPool&, Isa, const PoolDims&, const float*, float*);
template void global_average_pool_forward(ThreadPool&, Isa, size_t, size_t, size_t, const float*, float*);
template void max_pool_forward(ThreadPool&, Isa, const PoolDims&, const BFloat16*, BFloat16*, int32_t*);
template void average_pool_forward(ThreadPool&, Isa, const PoolDims&, const BFloat16*, BFloat16*);
template void global_average_pool_forward(ThreadPool&, Isa, size_t, size_t, size_t, const BFloat16*,
                                          BFloat16*);

}  // namespace dunlin
