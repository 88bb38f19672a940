// Checks that many ops make of what a node gives them.
#pragma once

#include "graph/ops/sizes.h"

namespace dunlin::ops {

/// Throws kUnsupported unless input i holds floats of any width, or its format is not known yet.
inline void check_float(const InferArgs& a, int i) {
  const Format f = a.format(i);
  if (f && (f->kind != FormatDef::Kind::kFloat || !is_plain(f)))
    a.unsupported("input {} is {}, floating point is supported", i, f->name);
}

/// The input there is, or null.
inline const Tensor* optional_input(const OpCall& c, int i) { return c.has_input(i) ? &c.input(i) : nullptr; }

inline void check_one(const NodeView& a, std::string_view what, const Tensor& t) {
  if (t.num_elements() != 1) a.error("{} is {}, one number is expected", what, to_string(t.shape()));
}
/// The only element of `t`; throws unless there is one.
inline double one_number(const NodeView& a, std::string_view what, const Tensor& t) {
  check_one(a, what, t);
  return to_scalar(t);
}
inline int64_t one_integer(const NodeView& a, std::string_view what, const Tensor& t) {
  check_one(a, what, t);
  return to_ints(t)[0];
}

/// `values`, of which there must be `count`, each from `least` to 2^31: sums and products of two stay within
/// 64 bits.
inline std::vector<int64_t> bounded(const NodeView& a, std::string_view name, std::vector<int64_t> values,
                                    size_t count, int64_t least) {
  if (values.size() != count) a.error("{} has {} entries, {} are expected", name, values.size(), count);
  for (int64_t x : values)
    if (x < least || x > (int64_t{1} << 31)) a.error("{} holds {}, {} to 2^31 is expected", name, x, least);
  return values;
}
/// The same of an attribute, each entry `otherwise` when it is left out.
inline std::vector<int64_t> bounded_attribute(const NodeView& a, std::string_view name, size_t count,
                                              int64_t otherwise, int64_t least) {
  return bounded(a, name, a.attr_ints(name, std::vector<int64_t>(count, otherwise)), count, least);
}

/// Throws unless the run may take that much memory for the node's own use.
inline void check_scratch(const OpCall& c, double bytes) {
  if (bytes > static_cast<double>(c.context().max_bytes))
    c.exhausted("it works on {:.0f} bytes, {} are left for this run", bytes, c.context().max_bytes);
}
/// A loop of more steps than this takes minutes.
inline constexpr double kMostSteps = 0x1p34;
/// Throws when a small input asks for more.
inline void check_steps(const OpCall& c, double steps) {
  if (!(steps <= kMostSteps)) c.error("it takes {:.3g} steps, at most 2^34 are supported", steps);
}

}  // namespace dunlin::ops
