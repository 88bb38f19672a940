#include <cmath>

#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {

int64_t count(const NodeView& a, double start, double limit, double delta) {
  const double n = std::ceil((limit - start) / delta);
  if (!(n <= 0x1p48)) a.error("from {} to {} in steps of {} are {} elements", start, limit, delta, n);
  return n > 0 ? static_cast<int64_t>(n) : 0;
}

constexpr Sample kSamples[] = {{"", "i64[]{2} i64[]{11} i64[]{3}"}, {"", "f32[]{1} f32[]{-1} f32[]{-0.5}"}};

}  // namespace

extern constexpr OpDef kRange{
    .name = "Range",
    .since = 11,
    .source = "ONNX Range",
    .inputs = 3,
    .infer =
        [](const InferArgs& a) {
          Shape shape{kUnknownDim};
          if (a.constant(0) && a.constant(1) && a.constant(2)) {
            const double delta = one_number(a, "delta", *a.constant(2));
            if (delta == 0) a.error("delta is 0");
            shape[0] = count(a, one_number(a, "start", *a.constant(0)),
                             one_number(a, "limit", *a.constant(1)), delta);
          }
          return std::vector<Type>{{.format = a.format(0), .shape = shape}};
        },
    .forward =
        [](const OpCall& c) {
          const double start = one_number(c, "start", c.input(0)), delta = one_number(c, "delta", c.input(2));
          if (delta == 0) c.error("delta is 0");
          if (!c.output(0))
            c.allocate(0, c.input(0).format(), {count(c, start, one_number(c, "limit", c.input(1)), delta)});
          for_format(c.input(0).format(), [&]<typename T>() {
            const auto y = c.out<T>(0);
            for (size_t i = 0; i < y.size(); ++i)
              y[i] = to_element<T>(start + static_cast<double>(i) * delta);
          });
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
