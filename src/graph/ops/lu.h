// LU decomposition of small square matrices, for Det and its gradient.
#pragma once

#include <vector>

#include "graph/op.h"

namespace dunlin::ops {

/// rows and columns exchanged: A[rows[i]][columns[j]] = (L U)[i][j], L of unit diagonal and U in one matrix.
/// Complete pivoting: a matrix of rank r has r pivots, then zeros.
struct Lu {
  size_t n = 0;
  std::vector<double> lu;
  std::vector<size_t> rows, columns;
  double sign = 1;  ///< of both permutations

  /// `a`: n x n numbers, row major.
  Lu(const double* a, size_t n);
  double at(size_t i, size_t j) const { return lu[i * n + j]; }
  double determinant() const;
  /// The transpose of the adjugate, row major: the determinant's gradient, also where the matrix is singular.
  std::vector<double> cofactors() const;
};

/// [..., M, M] without the last two axes; throws for other shapes.
Shape det_shape(const NodeView& a, const Shape& x);

}  // namespace dunlin::ops
