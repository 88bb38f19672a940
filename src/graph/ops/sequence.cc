#include "graph/ops/sequence.h"

#include "graph/body.h"

namespace dunlin::ops {

const Type& sequence_type(const InferArgs& a, int i) {
  const Type& t = a.type(i);
  if (t.kind != Type::Kind::kSequence || t.optional)
    a.error("input {} is {}, a sequence is expected", i, to_string(t));
  return t;
}

Type sequence_of(Type element) {
  element.kind = Type::Kind::kSequence;
  return element;
}

size_t position(const ValueCall& c, int i, size_t size, bool end) {
  const auto n = static_cast<int64_t>(size), last = n - (end ? 0 : 1);
  const int64_t at = scalar_input(c, i);
  if (at < -n || at > last) c.error("position {} of a sequence of {}", at, n);
  return static_cast<size_t>(at < 0 ? at + n : at);
}

std::shared_ptr<const Tensor> element_of(const ValueCall& c, int i) {
  const Tensor& t = c.tensor(i);
  c.check_bytes(t.num_bytes(), "the elements that it adds");
  return std::make_shared<const Tensor>(t.clone());
}

}  // namespace dunlin::ops
