#include <algorithm>
#include <cstring>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/tiles.h"

namespace dunlin {
namespace contraction {

void pack_panels(int width, int64_t first_panel, int64_t last_panel, int64_t total_k, int64_t first_row,
                 int64_t k, int64_t n, const float* b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                 float* packed) {
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    float* to = packed + (panel * total_k + first_row) * width;
    const int64_t column = panel * width;
    const float* from = b + column * column_stride;
    const int columns = static_cast<int>(std::min<int64_t>(width, n - column));
    if (column_stride == 1 && columns == width) {
      for (int64_t i = 0; i < k; ++i)
        std::memcpy(to + i * width, from + i * row_stride, sizeof(float) * width);
      continue;
    }
    for (int64_t i = 0; i < k; ++i, to += width) {
      const float* row = from + i * row_stride;
      for (int j = 0; j < columns; ++j) to[j] = row[j * column_stride];
      for (int j = columns; j < width; ++j) to[j] = 0;
    }
  }
}

}  // namespace contraction

size_t packed_b_floats(Isa isa, int64_t k, int64_t n) {
  const int64_t width = contraction_table_of(isa).width;
  return static_cast<size_t>(contraction::ceil_div(n, width) * width * k);
}

void pack_b(Isa isa, ThreadPool& pool, int64_t k, int64_t n, const float* b, ptrdiff_t row_stride,
            ptrdiff_t column_stride, float* packed) {
  const int width = contraction_table_of(isa).width;
  const int64_t panels = contraction::ceil_div(n, width);
  const auto pack = [&](size_t panel, int) {
    contraction::pack_panels(width, static_cast<int64_t>(panel), static_cast<int64_t>(panel) + 1, k, 0, k, n,
                             b, row_stride, column_stride, packed);
  };
  if (k * n >= 32 * 1024) {
    pool.parallel_for(static_cast<size_t>(panels), pack);
  } else {
    for (int64_t panel = 0; panel < panels; ++panel) pack(static_cast<size_t>(panel), 0);
  }
}

}  // namespace dunlin
