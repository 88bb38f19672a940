#include "graph/ops/labels.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"cats_int64s=[3,1,2]", "i64[2,3]@0..5"},
                               {"cats_int64s=[0,1]", "f32{0.5,1.5,-1}"},
                               {"cats_int64s=[0,1] zeros=0", "i32[4]@0..2"}};

Tensor categories_of(const NodeView& a) {
  Tensor integers = integers_attribute(a, "cats_int64s"), words = strings_attribute(a, "cats_strings");
  if (static_cast<bool>(integers) == static_cast<bool>(words))
    a.error("has {} of cats_int64s and cats_strings, one is expected", integers ? "both" : "none");
  return integers ? std::move(integers) : std::move(words);
}

}  // namespace

/// X [...] -> Y [..., categories]: 1 at the place of the category, 0 elsewhere.
extern constexpr OpDef kOneHotEncoder{
    .name = "OneHotEncoder",
    .domain = kMlDomain,
    .source = "ONNX ai.onnx.ml.OneHotEncoder",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          const Tensor categories = categories_of(a);
          if (categories.format() == &formats::kI64)
            check_ml_number(a, 0);
          else if (const Format f = a.format(0); f && f != &formats::kString)
            a.error("X is {}, strings are expected", f->name);
          Shape out = a.shape(0);
          out.push_back(categories.num_elements());
          return std::vector<Type>{{.format = &formats::kF32, .shape = out}};
        },
    .forward =
        [](const OpCall& c) {
          const Tensor categories = categories_of(c);
          const bool zeros = c.attr_int("zeros", 1) != 0;
          const auto count = static_cast<size_t>(categories.num_elements());
          const auto y = c.out<float>(0);
          for (size_t o = 0; o < y.size(); ++o) y[o] = 0;
          const std::vector<int64_t> places = places_of(c.input(0), categories);
          for (size_t i = 0; i < places.size(); ++i) {
            if (places[i] >= 0)
              y[i * count + static_cast<size_t>(places[i])] = 1;
            else if (!zeros)
              c.error("element {} of X is none of the {} categories, and zeros is 0", i, count);
          }
        },
    .stops_gradient = true,
    .strings = Strings::kTaken,
    .samples = kSamples};

}  // namespace dunlin::ops
