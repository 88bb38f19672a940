#include "graph/ops/lu.h"

#include <cmath>
#include <numeric>

namespace dunlin::ops {

Lu::Lu(const double* a, size_t size) : n(size), lu(a, a + size * size), rows(size), columns(size) {
  std::iota(rows.begin(), rows.end(), size_t{0});
  std::iota(columns.begin(), columns.end(), size_t{0});
  for (size_t k = 0; k < n; ++k) {
    size_t row = k, column = k;
    for (size_t i = k; i < n; ++i)
      for (size_t j = k; j < n; ++j)
        if (std::fabs(at(i, j)) > std::fabs(at(row, column))) row = i, column = j;
    if (row != k) {
      for (size_t j = 0; j < n; ++j) std::swap(lu[row * n + j], lu[k * n + j]);
      std::swap(rows[row], rows[k]);
      sign = -sign;
    }
    if (column != k) {
      for (size_t i = 0; i < n; ++i) std::swap(lu[i * n + column], lu[i * n + k]);
      std::swap(columns[column], columns[k]);
      sign = -sign;
    }
    if (at(k, k) == 0) return;
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = lu[i * n + k] /= at(k, k);
      for (size_t j = k + 1; j < n; ++j) lu[i * n + j] -= factor * at(k, j);
    }
  }
}

double Lu::determinant() const {
  double product = sign;
  for (size_t k = 0; k < n; ++k) product *= at(k, k);
  return product;
}

/// A = P' L U Q' gives adj(A) = sign Q (det(U) U^-1) L^-1 P. With p the product of all pivots but the last, d,
/// and U = [[U1, u], [0, d]], det(U) U^-1 = p [[d U1^-1, -U1^-1 u], [0, 1]], which needs no division by d.
std::vector<double> Lu::cofactors() const {
  std::vector<double> out(n * n, 0.0);
  if (n == 0) return out;
  double p = sign;
  for (size_t k = 0; k + 1 < n; ++k) p *= at(k, k);
  if (p == 0) return out;  // rank n - 2 at most: every minor is 0
  const double last = at(n - 1, n - 1);
  std::vector<double> v(n);
  for (size_t column = 0; column < n; ++column) {
    for (size_t i = 0; i < n; ++i) {  // v = L^-1 P e_column
      v[i] = rows[i] == column ? 1 : 0;
      for (size_t j = 0; j < i; ++j) v[i] -= at(i, j) * v[j];
    }
    const double end = v[n - 1];
    v[n - 1] = p * end;
    for (size_t i = n - 1; i-- > 0;) {
      double sum = p * (last * v[i] - at(i, n - 1) * end);
      for (size_t j = i + 1; j + 1 < n; ++j) sum -= at(i, j) * v[j];
      v[i] = sum / at(i, i);
    }
    for (size_t i = 0; i < n; ++i) out[column * n + columns[i]] = v[i];
  }
  return out;
}

Shape det_shape(const NodeView& a, const Shape& x) {
  const int r = x.rank();
  if (r < 2 || (x[r - 1] >= 0 && x[r - 2] >= 0 && x[r - 1] != x[r - 2]))
    a.error("X is {}, [..., M, M] is expected", to_string(x));
  return Shape(std::vector<int64_t>(x.begin(), x.end() - 2));
}

}  // namespace dunlin::ops
