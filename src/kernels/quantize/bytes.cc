#include "kernels/quantize/bytes.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/quantize/bytes_simd.h"
#include "kernels/simd/split.h"

namespace dunlin {

namespace {

BytesOperand at(BytesOperand operand, size_t offset) {
  operand.data = static_cast<const std::byte*>(operand.data) + offset;
  return operand;
}

}  // namespace

void quantize_bytes(Isa isa, ThreadPool& pool, const float* x, const ByteScale& to, uint8_t* y, size_t n) {
  const auto quantize = bytes_table_of(isa).quantize;
  split_elements(pool, n, [&](size_t begin, size_t end) { quantize(x + begin, to, y + begin, end - begin); });
}

void quantize_interleaved(Isa isa, ThreadPool& pool, const float* x, const ByteScale& to, uint8_t* y,
                          size_t images, size_t pixels) {
  const auto quantize = bytes_table_of(isa).quantize_interleaved;
  for (size_t image = 0; image < images; ++image, x += 3 * pixels, y += 3 * pixels)
    split_elements(pool, pixels, [&](size_t begin, size_t end) {
      quantize(x + begin, pixels, to, y + 3 * begin, end - begin);
    });
}

void lookup_bytes(Isa isa, ThreadPool& pool, const uint8_t* x, const uint8_t* table, uint8_t* y, size_t n) {
  const auto lookup = bytes_table_of(isa).lookup;
  split_elements(pool, n,
                 [&](size_t begin, size_t end) { lookup(x + begin, table, y + begin, end - begin); });
}

void binary_bytes(Isa isa, ThreadPool& pool, BytesBinary op, const BytesBinaryDims& d, const BytesOperand& a,
                  const BytesOperand& b, const Int8Output& output, uint8_t* y) {
  const auto binary = bytes_table_of(isa).binary;
  if (!d.b_per_image) {
    split_elements(pool, d.images * d.pixels * d.channels, [&](size_t begin, size_t end) {
      binary(op, {1, end - begin, 0}, at(a, begin), at(b, begin), output, y + begin);
    });
    return;
  }
  split_tasks(pool, d.images * d.pixels, d.channels, [&](size_t begin, size_t end) {
    while (begin < end) {  // as many pixels as read one row of b
      const size_t image = begin / d.pixels, stop = std::min(end, (image + 1) * d.pixels),
                   row = begin * d.channels;
      binary(op, {stop - begin, d.channels, 0}, at(a, row), at(b, image * d.channels), output, y + row);
      begin = stop;
    }
  });
}

void global_average_pool_bytes(Isa isa, ThreadPool& pool, size_t n, size_t hw, size_t c,
                               const BytesOperand& x, const Int8Output& output, uint8_t* y) {
  const BytesTable& table = bytes_table_of(isa);
  constexpr size_t kChannels = 64;  // of a task
  const size_t blocks = (c + kChannels - 1) / kChannels;
  split_tasks(pool, n * blocks, hw * kChannels, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const size_t image = i / blocks, first = i % blocks * kChannels, count = std::min(kChannels, c - first);
      int32_t sums[kChannels];
      std::fill_n(sums, count, -x.zero_point * static_cast<int32_t>(hw));
      table.add_rows(at(x, image * hw * c + first).data, x.is_signed, hw, c, count, sums);
      table.scale(sums, x.scale, output, y + image * c + first, count);
    }
  });
}

void max_pool_bytes(Isa isa, ThreadPool& pool, const PoolDims& d, bool is_signed, const void* x, void* y) {
  const auto take_larger = bytes_table_of(isa).take_larger;
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(y);
  split_tasks(pool, d.n * d.out_h, d.out_w * d.c * d.kernel_h * d.kernel_w, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      const std::byte* image = from + row / d.out_h * d.h * d.w * d.c;
      for (size_t ox = 0; ox < d.out_w; ++ox) {
        std::byte* out = to + (row * d.out_w + ox) * d.c;
        bool any = false;
        for (size_t ky = 0; ky < d.kernel_h; ++ky) {
          const size_t iy =
              row % d.out_h * d.stride_h + ky * d.dilation_h - d.pad_top;  // wraps around below 0
          if (iy >= d.h) continue;
          for (size_t kx = 0; kx < d.kernel_w; ++kx) {
            const size_t ix = ox * d.stride_w + kx * d.dilation_w - d.pad_left;
            if (ix >= d.w) continue;
            const std::byte* pixel = image + (iy * d.w + ix) * d.c;
            if (any)
              take_larger(pixel, is_signed, out, d.c);
            else
              std::memcpy(out, pixel, d.c);
            any = true;
          }
        }
      }
    }
  });
}

}  // namespace dunlin
