#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"
#include "graph/ops/sizes.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {{"", "f32[3,4]"}, {"k=1 dtype=7", "f32[3,3]"}, {"k=-1", "i32[4,2]@0..1"}};

}  // namespace

/// Ones on the k-th diagonal; only the shape of the input is read.
extern constexpr OpDef kEyeLike{
    .name = "EyeLike",
    .since = 9,
    .source = "ONNX EyeLike",
    .inputs = 1,
    .infer =
        [](const InferArgs& a) {
          if (a.shape(0).rank() != 2) a.error("a matrix is expected, got {}", to_string(a.shape(0)));
          return std::vector<Type>{
              {.format = format_attribute(a, "dtype", a.format(0)), .shape = a.shape(0)}};
        },
    .forward =
        [](const OpCall& c) {
          fill_zero(c.output(0));
          const Shape& s = c.output(0).shape();
          const int64_t k = c.attr_int("k", 0);
          for_format(c.output(0).format(), [&]<typename T>() {
            const auto y = c.out<T>(0);
            for (int64_t i = 0; i < s[0]; ++i)
              if (i + k >= 0 && i + k < s[1]) y[static_cast<size_t>(i * s[1] + i + k)] = from_double<T>(1);
          });
        },
    .shape_only_inputs = 0b1,
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
