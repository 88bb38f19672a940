#include "graph/autodiff/grad.h"

#include <algorithm>

namespace dunlin {

std::vector<ValueId> Grad::emit_many(std::string_view op, std::vector<ValueId> inputs, int num_outputs,
                                     Attributes attributes) {
  Node n;
  n.op = op;
  n.domain = find_op("", op, kNewestOpset) ? "" : std::string(kDunlinDomain);
  n.opset = n.domain.empty() ? kNewestOpset : 1;
  n.attributes = std::move(attributes);
  n.inputs = std::move(inputs);
  n.name = fmt::format("grad/{}/{}", node().name.empty() ? node().op : node().name, op);
  std::vector<Type> types;
  std::vector<const Tensor*> constants;
  for (ValueId v : n.inputs) {
    types.push_back(v == kNoValue ? Type{} : target_->type(v));
    constants.push_back(v == kNoValue ? nullptr : target_->initializer(v));
  }
  n.outputs.assign(static_cast<size_t>(num_outputs), 0);
  const std::vector<Type> out = infer_node(*target_, n, types, constants);
  for (size_t i = 0; i < n.outputs.size(); ++i)
    n.outputs[i] = target_->add_value(fmt::format("grad/{}/{}", op, target_->values.size()), out[i]);
  emitted_.push_back(n);
  return n.outputs;
}

ValueId Grad::emit(std::string_view op, std::vector<ValueId> inputs, Attributes attributes) {
  return emit_many(op, std::move(inputs), 1, std::move(attributes))[0];
}

ValueId Grad::constant(float value, ValueId like) {
  Format format = target_->type(like).format;
  if (format == nullptr) format = &formats::kF32;
  auto t = std::make_shared<Tensor>(format, Shape{});
  for_float_format(format, [&]<typename T>() { *t->data<T>() = static_cast<T>(value); });
  return target_->add_initializer(fmt::format("grad/constant/{}", target_->values.size()), std::move(t));
}

ValueId Grad::constant_ints(std::vector<int64_t> values) {
  auto t = std::make_shared<Tensor>(
      Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values)));
  return target_->add_initializer(fmt::format("grad/constant/{}", target_->values.size()), std::move(t));
}

ValueId Grad::reduce_to(ValueId v, ValueId like) {
  const Type &a = target_->type(v), &b = target_->type(like);
  // One symbol is one size; of two unknown sizes nothing is known.
  const auto known = [](int64_t d) { return d != kUnknownDim; };
  if (a.shape && b.shape && *a.shape == *b.shape && std::all_of(a.shape->begin(), a.shape->end(), known))
    return v;
  return emit("SumTo", {v, like});
}

void Grad::to_input(int i, ValueId gradient) {
  if (!needs(i)) return;
  DUNLIN_CHECK(in_grads_[static_cast<size_t>(i)] == kNoValue);
  in_grads_[static_cast<size_t>(i)] = gradient;
}

}  // namespace dunlin
