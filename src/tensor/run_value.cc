#include "dunlin/run_value.h"

#include "base/error.h"

namespace dunlin {

RunValue RunValue::sequence(Format format, Elements elements) {
  auto s = std::make_shared<Sequence>();
  for (const auto& t : elements) s->num_bytes += t->num_bytes();
  s->format = format;
  s->elements = std::move(elements);
  RunValue v;
  v.sequence_ = std::move(s);
  return v;
}

const RunValue::Elements& RunValue::elements() const {
  if (!sequence_)
    fail(ErrorCode::kInvalidArgument, "a sequence is expected, got {}", is_tensor() ? "a tensor" : "nothing");
  return sequence_->elements;
}

RunValue RunValue::view() const {
  RunValue v;
  if (is_tensor()) v.tensor_ = tensor_.view();
  v.sequence_ = sequence_;
  return v;
}

RunValue RunValue::clone() const { return is_tensor() ? RunValue(tensor_.clone()) : view(); }

}  // namespace dunlin
