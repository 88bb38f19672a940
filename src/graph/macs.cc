#include "graph/macs.h"

namespace dunlin {

namespace {

/// A product that stays at the largest number once it is there: shapes may be mere claims.
struct Count {
  uint64_t n = 1;
  Count operator*(Count other) const {
    Count product;
    return __builtin_mul_overflow(n, other.n, &product.n) ? Count{UINT64_MAX} : product;
  }
  Count operator*(int64_t size) const { return *this * Count{static_cast<uint64_t>(size)}; }
};

Count product(const Shape& s, int from = 0) {
  Count n;
  for (int i = from; i < s.rank(); ++i) n = n * s[i];
  return n;
}

}  // namespace

uint64_t macs_of(const Node& node, std::span<const Shape* const> inputs, const Shape& y) {
  if (!node.domain.empty() || inputs.size() < 2 || !inputs[0] || !inputs[1]) return 0;
  const Shape &a = *inputs[0], &b = *inputs[1];
  // Conv: every output meets one filter [M, C/group, kernel...]; ConvTranspose: every input [C, M/group,
  // kernel...].
  if (node.op == "Conv" || node.op == "DeformConv") return (product(y) * product(b, 1)).n;
  if (node.op == "ConvTranspose") return (product(a) * product(b, 1)).n;
  if (node.op == "MatMul") return a.rank() == 0 ? 0 : (product(y) * a[a.rank() - 1]).n;
  // Every step of every sequence meets W [directions, gates * hidden, input] and R [.., gates * hidden, hidden].
  const int64_t gates = node.op == "RNN" ? 1 : node.op == "GRU" ? 3 : node.op == "LSTM" ? 4 : 0;
  if (gates > 0 && a.rank() == 3 && b.rank() == 3)
    return (Count{} * a[0] * a[1] * b[0] * b[1] * (a[2] + b[1] / gates)).n;
  // Every query meets every key, and every value: those of the past too.
  if (node.op == "Attention" && b.rank() >= 3) {
    const Shape* const past = inputs.size() > 4 ? inputs[4] : nullptr;
    const int64_t total = b[b.rank() - 2] + (past && past->rank() == 4 ? (*past)[2] : 0);
    const uint64_t scores = (product(a) * total).n, values = (product(y) * total).n;
    return scores > UINT64_MAX - values ? UINT64_MAX : scores + values;
  }
  if (node.op != "Gemm" || a.rank() != 2) return 0;
  const int64_t* trans = find_attribute<int64_t>(node, "transA");
  return (product(y) * a[trans && *trans ? 0 : 1]).n;
}

}  // namespace dunlin
