#include "graph/macs.h"

namespace dunlin {

namespace {
uint64_t product(const Shape& s, int from = 0) {
  uint64_t n = 1;
  for (int i = from; i < s.rank(); ++i) n *= static_cast<uint64_t>(s[i]);
  return n;
}
}  // namespace

uint64_t macs_of(const Node& node, std::span<const Shape* const> inputs, const Shape& y) {
  if (!node.domain.empty() || inputs.size() < 2 || !inputs[0] || !inputs[1]) return 0;
  const Shape &a = *inputs[0], &b = *inputs[1];
  // Conv: every output meets one filter [M, C/group, kernel...]; ConvTranspose: every input [C, M/group,
  // kernel...].
  if (node.op == "Conv") return product(y) * product(b, 1);
  if (node.op == "ConvTranspose") return product(a) * product(b, 1);
  if (node.op == "MatMul") return a.rank() == 0 ? 0 : product(y) * static_cast<uint64_t>(a[a.rank() - 1]);
  // Every step of every sequence meets W [directions, gates * hidden, input] and R [.., gates * hidden, hidden].
  const uint64_t gates = node.op == "RNN" ? 1 : node.op == "GRU" ? 3 : node.op == "LSTM" ? 4 : 0;
  if (gates > 0 && a.rank() == 3 && b.rank() == 3) {
    const uint64_t rows = static_cast<uint64_t>(b[1]), columns = static_cast<uint64_t>(a[2]) + rows / gates;
    return static_cast<uint64_t>(a[0]) * static_cast<uint64_t>(a[1]) * static_cast<uint64_t>(b[0]) * rows *
           columns;
  }
  // Every query meets every key, and every value: those of the past too.
  if (node.op == "Attention" && b.rank() >= 3) {
    const Shape* const past = inputs.size() > 4 ? inputs[4] : nullptr;
    const int64_t total = b[b.rank() - 2] + (past && past->rank() == 4 ? (*past)[2] : 0);
    return static_cast<uint64_t>(total) * (product(a) + product(y));
  }
  if (node.op != "Gemm" || a.rank() != 2) return 0;
  const int64_t* trans = find_attribute<int64_t>(node, "transA");
  return product(y) * static_cast<uint64_t>(a[trans && *trans ? 0 : 1]);
}

}  // namespace dunlin
