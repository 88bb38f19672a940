#include "graph/shape_values.h"

#include <algorithm>

namespace dunlin {

namespace {

constexpr size_t kMaxEntries = 64;  // shapes are short; anything longer is data

bool is_any(std::string_view op, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), op) != names.end();
}

}  // namespace

std::optional<ShapeValues::Entries> ShapeValues::of(const Graph& graph, const Node& node, size_t input,
                                                    std::span<const Tensor* const> constants) const {
  if (input >= node.inputs.size() || node.inputs[input] == kNoValue) return std::nullopt;
  if (const auto it = known_.find(node.inputs[input]); it != known_.end()) return it->second;
  const Tensor* t = constants[input];
  const Format f = graph.type(node.inputs[input]).format;
  if (!t || (f != &formats::kI64 && f != &formats::kI32 && f != &formats::kBool) || t->format() != f ||
      t->shape().rank() > 1 || static_cast<size_t>(t->num_elements()) > kMaxEntries ||
      t->plane(Plane::kPayload).data() == nullptr)
    return std::nullopt;
  Entries out;
  for (int64_t v : to_ints(*t)) out.push_back(Entry::number(v));
  return out;
}

ShapeValues::Entry ShapeValues::combine(std::string_view op, const Entry& a, const Entry& b) {
  using Kind = Entry::Kind;
  if (a.is(Kind::kNumber) && b.is(Kind::kNumber)) {
    int64_t v = 0;
    if (op == "Equal") return Entry::number(a.value == b.value);
    if (op == "Add") return __builtin_add_overflow(a.value, b.value, &v) ? Entry{} : Entry::number(v);
    if (op == "Sub") return __builtin_sub_overflow(a.value, b.value, &v) ? Entry{} : Entry::number(v);
    if (op == "Mul") return __builtin_mul_overflow(a.value, b.value, &v) ? Entry{} : Entry::number(v);
    if (op == "Max") return Entry::number(std::max(a.value, b.value));
    if (op == "Min") return Entry::number(std::min(a.value, b.value));
    if (b.value <= 0 || a.value < 0) return {};
    return Entry::number(op == "Mod" ? a.value % b.value : a.value / b.value);
  }
  const Entry &size = a.is(Kind::kSize) ? a : b, &other = a.is(Kind::kSize) ? b : a;
  if (!size.is(Kind::kSize) || other.is(Kind::kUnknown)) return {};
  // A size is no negative number, and times or plus one it is a size again.
  if (op == "Equal") return other.is(Kind::kNumber) && other.value < 0 ? Entry::number(0) : Entry{};
  const bool one = other.is(Kind::kNumber) && other.value == (op == "Add" ? 0 : 1);
  if (op == "Mul" || op == "Add")
    return one ? size : other.value >= 0 || other.is(Kind::kSize) ? Entry::dim(kUnknownDim) : Entry{};
  if (op == "Div") return &size == &a && one ? size : Entry{};
  if (op == "Mod") return &size == &a && one ? Entry::number(0) : Entry{};
  if (op == "Max") return other.is(Kind::kNumber) && other.value <= 0 ? size : Entry{};
  return op == "Sub" && &size == &a && other.is(Kind::kNumber) && other.value == 0 ? size : Entry{};
}

std::optional<ShapeValues::Entries> ShapeValues::compute(const Graph& graph, const Node& node,
                                                         std::span<const Type> types,
                                                         std::span<const Tensor* const> constants) const {
  const auto in = [&](size_t i) { return of(graph, node, i, constants); };
  const NodeView view(graph, node);
  if (node.op == "Shape") {
    if (types.empty() || !types[0].shape) return std::nullopt;
    const int64_t rank = types[0].shape->rank();
    const auto place = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
    Entries out;
    for (int64_t d = place(view.attr_int("start", 0)); d < place(view.attr_int("end", rank)); ++d)
      out.push_back(Entry::dim((*types[0].shape)[static_cast<int>(d)]));
    return out;
  }
  if (is_any(node.op, {"Identity", "Unsqueeze", "Squeeze", "Cast", "Reshape", "Flatten"})) return in(0);
  if (node.op == "Concat") {
    Entries out;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const auto part = in(i);
      if (!part) return std::nullopt;
      out.insert(out.end(), part->begin(), part->end());
    }
    return out;
  }
  if (node.op == "Gather") {
    const auto x = in(0), index = in(1);
    if (!x || !index) return std::nullopt;
    Entries out;
    for (const Entry& e : *index) {
      const int64_t n = static_cast<int64_t>(x->size()), i = e.value < 0 ? e.value + n : e.value;
      if (!e.is(Entry::Kind::kNumber) || i < 0 || i >= n) return std::nullopt;
      out.push_back((*x)[static_cast<size_t>(i)]);
    }
    return out;
  }
  if (node.op == "Slice") {
    const auto x = in(0), start = in(1), end = in(2), step = in(4);
    if (!x || !start || !end || start->size() != 1 || end->size() != 1 ||
        !(*start)[0].is(Entry::Kind::kNumber) || !(*end)[0].is(Entry::Kind::kNumber) ||
        (view.has_input(4) && (!step || step->size() != 1 || (*step)[0].value != 1)))
      return std::nullopt;
    const int64_t n = static_cast<int64_t>(x->size());
    const auto place = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
    const int64_t from = place((*start)[0].value), to = std::max(from, place((*end)[0].value));
    return Entries(x->begin() + from, x->begin() + to);
  }
  if (is_any(node.op, {"Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Equal"})) {
    if (node.inputs.size() != 2) return std::nullopt;
    const auto a = in(0), b = in(1);
    if (!a || !b || (a->size() != b->size() && a->size() != 1 && b->size() != 1)) return std::nullopt;
    Entries out;
    const size_t size = a->size() == 1 ? b->size() : a->size();  // one and none make none
    for (size_t i = 0; i < size; ++i)
      out.push_back(combine(node.op, (*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
    return out;
  }
  if (node.op == "Where") {
    const auto condition = in(0), a = in(1), b = in(2);
    if (!condition || !a || !b || a->size() != b->size() || condition->size() != a->size())
      return std::nullopt;
    Entries out;
    for (size_t i = 0; i < a->size(); ++i) {
      const Entry& c = (*condition)[i];
      out.push_back(!c.is(Entry::Kind::kNumber) ? Entry{} : c.value != 0 ? (*a)[i] : (*b)[i]);
    }
    return out;
  }
  if (node.op == "ConstantOfShape") {
    const auto length = in(0);
    const TensorPtr* value = find_attribute<TensorPtr>(node, "value");
    if (!length || length->size() != 1 || !(*length)[0].is(Entry::Kind::kNumber) || !value || !*value ||
        (*value)->format() != &formats::kI64 || (*value)->num_elements() != 1 || (*length)[0].value < 0 ||
        static_cast<size_t>((*length)[0].value) > kMaxEntries)
      return std::nullopt;
    return Entries(static_cast<size_t>((*length)[0].value), Entry::number(to_ints(**value)[0]));
  }
  return std::nullopt;
}

void ShapeValues::visit(const Graph& graph, const Node& node, std::span<const Type> types,
                        std::span<const Tensor* const> constants) {
  if (!node.domain.empty() || node.outputs.empty() || node.outputs[0] == kNoValue) return;
  auto entries = compute(graph, node, types, constants);
  if (entries && entries->size() <= kMaxEntries) known_[node.outputs[0]] = std::move(*entries);
}

void ShapeValues::refine(const Graph& graph, const Node& node, std::span<const Type> types,
                         std::span<const Tensor* const> constants, Type& out) const {
  if (!node.domain.empty() || (out.shape && out.shape->known())) return;
  const bool reshape = node.op == "Reshape", expand = node.op == "Expand";
  const NodeView view(graph, node);
  const bool resize = node.op == "Resize" && !view.has_attr("axes") &&
                      view.attr_string("keep_aspect_ratio_policy", "stretch") == "stretch";
  if (!reshape && !expand && !resize && node.op != "ConstantOfShape") return;
  const auto target = of(graph, node, node.op == "ConstantOfShape" ? 0 : resize ? 3 : 1, constants);
  if (!target || (types[0].shape == std::nullopt && node.op != "ConstantOfShape")) return;
  Shape shape;
  int open = -1;
  for (size_t i = 0; i < target->size(); ++i) {
    const Entry& e = (*target)[i];
    const int at = static_cast<int>(i);
    if (reshape && e.is(Entry::Kind::kNumber) && e.value == -1) {
      open = at;
      shape.push_back(kUnknownDim);
    } else if (reshape && e.is(Entry::Kind::kNumber) && e.value == 0 && at < types[0].shape->rank() &&
               NodeView(graph, node).attr_int("allowzero", 0) == 0) {
      shape.push_back((*types[0].shape)[at]);
    } else if (e.is(Entry::Kind::kUnknown) || e.value < (e.is(Entry::Kind::kNumber) ? 0 : INT64_MIN)) {
      shape.push_back(kUnknownDim);
    } else {
      shape.push_back(e.value);
    }
  }
  if (expand) {
    const Shape& x = *types[0].shape;
    while (shape.rank() < x.rank()) {
      Shape longer{1};
      for (int64_t d : shape) longer.push_back(d);
      shape = longer;
    }
    // Where x is not 1, the size is x's.
    for (int d = 0; d < x.rank(); ++d) {
      int64_t& size = shape[d + shape.rank() - x.rank()];
      if (x[d] > 1 || size == 1) size = x[d];
    }
  }
  if (open >= 0) {  // what is left of the input's sizes when the others are struck out, symbol by symbol
    std::vector<int64_t> symbols;
    int64_t have = 1, want = 1;
    bool countable = true;
    for (int64_t d : *types[0].shape) {
      if (d >= 0)
        countable &= !__builtin_mul_overflow(have, d, &have);
      else
        symbols.push_back(d);
    }
    for (int d = 0; d < shape.rank(); ++d) {
      if (d == open) continue;
      const auto it = std::find(symbols.begin(), symbols.end(), shape[d]);
      if (shape[d] >= 0)
        countable &= !__builtin_mul_overflow(want, shape[d], &want);
      else if (shape[d] != kUnknownDim && it != symbols.end())
        symbols.erase(it);
      else
        countable = false;
    }
    if (countable && want > 0) {
      if (symbols.empty() && have % want == 0) shape[open] = have / want;
      if (symbols.size() == 1 && have == want) shape[open] = symbols[0];
    }
  }
  out.shape = std::move(shape);
  if (!out.format && node.op != "ConstantOfShape") out.format = types[0].format;
}

bool ShapeValues::put_constant(ValueId v, const Type& type, std::vector<Tensor>& to) const {
  const auto it = known_.find(v);
  if (it == known_.end() || type.format != &formats::kI64 || !type.shape || !type.shape->known() ||
      type.shape->num_elements() != static_cast<int64_t>(it->second.size()))
    return false;
  std::vector<int64_t> numbers;
  for (const Entry& e : it->second) {
    if (!e.is(Entry::Kind::kNumber)) return false;
    numbers.push_back(e.value);
  }
  to.push_back(Tensor::of<int64_t>(*type.shape, std::span<const int64_t>(numbers)));
  return true;
}

}  // namespace dunlin
