#include "graph/ops/labels.h"

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {

template <typename Key>
std::vector<int64_t> look_up(std::span<const Key> x, std::span<const Key> keys) {
  std::map<Key, int64_t> place;  // not hashed: keys of a hostile file may all have one hash
  for (size_t i = 0; i < keys.size(); ++i) place.insert_or_assign(keys[i], static_cast<int64_t>(i));
  std::vector<int64_t> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const auto it = place.find(x[i]);
    out[i] = it == place.end() ? -1 : it->second;
  }
  return out;
}

/// Integers that are equal where the elements are; 0 and -0 are.
std::vector<int64_t> comparable(const Tensor& t, bool as_integers) {
  if (as_integers) return to_ints(t);
  std::vector<int64_t> out;
  for (double x : to_doubles(t))
    out.push_back(std::bit_cast<int64_t>(std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x + 0.0));
  return out;
}

}  // namespace

std::vector<int64_t> places_of(const Tensor& x, const Tensor& keys) {
  if (keys.format() == &formats::kString) return look_up(x.strings(), keys.strings());
  const bool integers = keys.format()->kind != FormatDef::Kind::kFloat;
  const std::vector<int64_t> of_x = comparable(x, integers), of_keys = comparable(keys, integers);
  return look_up(std::span<const int64_t>(of_x), std::span<const int64_t>(of_keys));
}

std::vector<Type> infer_mapped_labels(const InferArgs& a, const LabelMap& map) {
  for (const Tensor* t : {&map.keys, &map.values})
    if (t->shape().rank() != 1) a.error("keys or values are {}, [n] is expected", to_string(t->shape()));
  if (map.keys.num_elements() != map.values.num_elements())
    a.error("has {} keys and {} values", map.keys.num_elements(), map.values.num_elements());
  check_one(a, "the default", map.otherwise);
  if (map.otherwise.format() != map.values.format())
    a.error("the default is {}, the values are {}", map.otherwise.format()->name, map.values.format()->name);
  if (const Format f = a.format(0); f && f != map.keys.format())
    a.error("X is {}, the keys are {}", f->name, map.keys.format()->name);
  return {{.format = map.values.format(), .shape = a.shape(0)}};
}

void map_labels(const OpCall& c, const LabelMap& map) {
  const std::vector<int64_t> places = places_of(c.input(0), map.keys);
  if (map.values.format() != &formats::kString) {
    for_word(map.values.format(), [&]<typename Word>() {
      const auto values = word_elements<Word>(map.values), otherwise = word_elements<Word>(map.otherwise);
      const auto y = word_elements<Word>(c.output(0));
      for (size_t i = 0; i < places.size(); ++i)
        y[i] = places[i] < 0 ? otherwise[0] : values[static_cast<size_t>(places[i])];
    });
    return;
  }
  const auto value = [&](int64_t place) -> const std::string& {
    return place < 0 ? map.otherwise.strings()[0] : map.values.strings()[static_cast<size_t>(place)];
  };
  double bytes = 0;
  for (int64_t place : places) bytes += static_cast<double>(sizeof(std::string) + value(place).size());
  check_scratch(c, bytes);
  std::vector<std::string> y;
  y.reserve(places.size());
  for (int64_t place : places) y.push_back(value(place));
  c.give_strings(0, c.input(0).shape(), std::move(y));
}

Tensor integers_attribute(const NodeView& a, std::string_view name) {
  const auto* list = find_attribute<std::vector<int64_t>>(a.node(), name);
  return list ? Tensor::of<int64_t>({static_cast<int64_t>(list->size())}, *list) : Tensor();
}
Tensor floats_attribute(const NodeView& a, std::string_view name) {
  const auto* list = find_attribute<std::vector<float>>(a.node(), name);
  return list ? Tensor::of<float>({static_cast<int64_t>(list->size())}, *list) : Tensor();
}
Tensor strings_attribute(const NodeView& a, std::string_view name) {
  const auto* list = find_attribute<std::vector<std::string>>(a.node(), name);
  return list ? Tensor::of_strings({static_cast<int64_t>(list->size())}, *list) : Tensor();
}
Tensor counted(int64_t count) {
  std::vector<int64_t> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), int64_t{0});
  return Tensor::of<int64_t>({count}, values);
}

}  // namespace dunlin::ops
