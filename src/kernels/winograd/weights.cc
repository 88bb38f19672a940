// The weights of Winograd convolution: G g G^T, for each of its positions a matrix [C, O] in the contraction family's
// panels. In double, since it is done once.
#include <algorithm>

#include "kernels/contraction/contraction.h"
#include "kernels/contraction/tiles.h"
#include "kernels/winograd/winograd.h"
#include "kernels/winograd/winograd_simd.h"

namespace dunlin {

namespace {

// Row i of G: the powers of the i-th point over the product of its distances from the others; infinity last.
struct Matrix {
  int rows;
  double g[6][3];
};

constexpr Matrix f2x2() { return {4, {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}}; }

constexpr Matrix f4x4() {
  const double a = winograd::kA, b = winograd::kB, aa = a * a, bb = b * b;
  const double zero = 1 / (aa * bb), at_a = 1 / (2 * aa * (aa - bb)), at_b = 1 / (2 * bb * (bb - aa));
  return {6,
          {{zero, 0, 0},
           {at_a, a * at_a, aa * at_a},
           {at_a, -a * at_a, aa * at_a},
           {at_b, b * at_b, bb * at_b},
           {at_b, -b * at_b, bb * at_b},
           {0, 0, 1}}};
}

constexpr int kLanes = 16;  // the widest panel

/// The kernels of one channel and `lanes` outputs: position p goes to to[p * step], lane after lane.
void transform(const Matrix& m, const double (&g)[9][kLanes], int lanes, float* to, int64_t step) {
  double half[6][3][kLanes];  // G g
  for (int i = 0; i < m.rows; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int l = 0; l < kLanes; ++l)
        half[i][j][l] = m.g[i][0] * g[j][l] + m.g[i][1] * g[3 + j][l] + m.g[i][2] * g[6 + j][l];
    }
  }
  for (int i = 0; i < m.rows; ++i) {
    for (int j = 0; j < m.rows; ++j, to += step) {
      for (int l = 0; l < lanes; ++l) {
        to[l] = static_cast<float>(m.g[j][0] * half[i][0][l] + m.g[j][1] * half[i][1][l] +
                                   m.g[j][2] * half[i][2][l]);
      }
    }
  }
}

}  // namespace

size_t winograd_packed_floats(Isa isa, const ConvShape& s, WinogradTile tile) {
  const size_t positions = tile == WinogradTile::k2x2 ? 16 : 36;
  return positions * packed_b_floats(isa, s.in_channels, s.out_channels);
}

void winograd_pack(Isa isa, ThreadPool& pool, const ConvShape& s, WinogradTile tile, const float* w,
                   float* packed) {
  const int width = contraction_table_of(isa).width;
  const Matrix m = tile == WinogradTile::k2x2 ? f2x2() : f4x4();
  const int64_t step = static_cast<int64_t>(packed_b_floats(isa, s.in_channels, s.out_channels));
  pool.parallel_for(static_cast<size_t>(contraction::ceil_div(s.out_channels, width)),
                    [&](size_t panel, int) {
                      const int64_t first = static_cast<int64_t>(panel) * width;
                      const int64_t outputs = std::min<int64_t>(width, s.out_channels - first);
                      double g[9][kLanes] = {};
                      for (int64_t c = 0; c < s.in_channels; ++c) {
                        for (int64_t l = 0; l < outputs; ++l) {
                          const float* kernel = w + ((first + l) * s.in_channels + c) * 9;
                          for (int tap = 0; tap < 9; ++tap) g[tap][l] = static_cast<double>(kernel[tap]);
                        }
                        transform(m, g, width, packed + first * s.in_channels + c * width, step);
                      }
                    });
}

}  // namespace dunlin
