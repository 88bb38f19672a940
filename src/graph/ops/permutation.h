// Orders of axes.
#pragma once

#include <algorithm>

#include "graph/op.h"

namespace dunlin::ops {

/// Axis i of the result is axis p[i] of the source.
using Permutation = std::vector<int64_t>;

inline Permutation identity_permutation(int rank) {
  Permutation p;
  for (int d = 0; d < rank; ++d) p.push_back(d);
  return p;
}
inline bool is_identity(const Permutation& p) {
  return p == identity_permutation(static_cast<int>(p.size()));
}
/// One after the other.
inline Permutation then(const Permutation& first, const Permutation& second) {
  Permutation out;
  for (int64_t i : second) out.push_back(first[static_cast<size_t>(i)]);
  return out;
}

/// An attribute; `otherwise`, which is a permutation, where the node has none. Throws when it does not permute as many
/// axes.
inline Permutation permutation_of(const NodeView& a, std::string_view name, Permutation otherwise) {
  Permutation p = a.attr_ints(name);
  if (p.empty()) return otherwise;
  Permutation sorted = p;
  std::ranges::sort(sorted);
  if (p.size() != otherwise.size() || !is_identity(sorted))
    a.error("{} is not a permutation of {} axes", name, otherwise.size());
  return p;
}
/// Of a Transpose.
inline Permutation transposition(const NodeView& a, int rank) {
  Permutation reversed = identity_permutation(rank);
  std::ranges::reverse(reversed);
  return permutation_of(a, "perm", std::move(reversed));
}

}  // namespace dunlin::ops
