#include "graph/ops/labels.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"keys_int64s=[3,1,2] values_floats=[0.5,1.5,-2.5] default_float=9.0", "i64[2,4]@0..5"},
    {"keys_floats=[0.5,1.5] values_int64s=[7,8]", "f32{0.5,1.5,-1}"},
    {"keys_int64s=[4] values_int64s=[1]", "i64[0,3]"}};

/// keys_* or values_*: the one of the lists that is there.
Tensor read_list(const NodeView& a, const std::string& kind) {
  std::vector<Tensor> found;
  Tensor lists[] = {integers_attribute(a, kind + "_int64s"), floats_attribute(a, kind + "_floats"),
                    strings_attribute(a, kind + "_strings")};
  for (Tensor& t : lists)
    if (t) found.push_back(std::move(t));
  if (const TensorPtr* t = find_attribute<TensorPtr>(a.node(), kind + "_tensor"))
    found.push_back((*t)->view());
  if (found.size() != 1) a.error("has {} of the attributes {}_*, one is expected", found.size(), kind);
  const Format f = found[0].format();
  for (Format taken :
       {&formats::kString, &formats::kF32, &formats::kF64, &formats::kI16, &formats::kI32, &formats::kI64})
    if (f == taken) return std::move(found[0]);
  a.error("{}_tensor is {}; string, f32, f64, i16, i32 or i64 is expected", kind, f->name);
}

Tensor read_default(const NodeView& a, Format values) {
  if (const TensorPtr* t = find_attribute<TensorPtr>(a.node(), "default_tensor")) return (*t)->view();
  if (values == &formats::kString)
    return Tensor::of_strings({}, {a.attr_string("default_string", "_Unused")});
  Tensor out(values, {});
  for_number_format(values, [&]<typename T>() {
    if constexpr (std::is_integral_v<T>)
      *out.data<T>() = static_cast<T>(std::is_same_v<T, int64_t> ? a.attr_int("default_int64", -1) : -1);
    else
      *out.data<T>() = from_double<T>(std::is_same_v<T, float> ? a.attr_float("default_float", -0.f) : -0.);
  });
  return out;
}

LabelMap read_map(const NodeView& a, Format x) {
  LabelMap map;
  if (Tensor classes = strings_attribute(a, "classes_strings")) {  // opset 1: a label and its place
    map.keys = counted(classes.num_elements());
    map.values = std::move(classes);
    if (x == &formats::kString) std::swap(map.keys, map.values);
  } else {
    map.keys = read_list(a, "keys");
    map.values = read_list(a, "values");
  }
  map.otherwise = read_default(a, map.values.format());
  return map;
}

}  // namespace

/// Each element of X by the value that stands in the place of its key, or the default.
extern constexpr OpDef kLabelEncoder{
    .name = "LabelEncoder",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.LabelEncoder",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          if (!a.format(0)) throw NotYetKnown{};
          return infer_mapped_labels(a, read_map(a, a.format(0)));
        },
    .forward = [](const OpCall& c) { map_labels(c, read_map(c, c.input(0).format())); },
    .stops_gradient = true,
    .strings = Strings::kTaken,
    .samples = kSamples};

}  // namespace dunlin::ops
