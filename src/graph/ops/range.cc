#include <algorithm>
#include <cmath>

#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/wrapping.h"

namespace dunlin::ops {

namespace {

/// The one element of an input of Range, all of which have one type.
template <typename T>
T element(const NodeView& a, std::string_view what, const Tensor& t) {
  check_one(a, what, t);
  if (t.format() != format_of<T>())
    a.error("{} is {}, start {}: one type is expected", what, t.format()->name, format_of<T>()->name);
  return *t.data<T>();
}

/// How many elements there are; counted exactly for integers.
template <typename T>
double count(T start, T limit, T delta) {
  if constexpr (wrapping::kWraps<T>) {
    const bool down = delta < T{0};
    if (down ? start <= limit : start >= limit) return 0;
    const auto wide = [](T x) { return static_cast<uint64_t>(x); };
    const uint64_t way = down ? wide(start) - wide(limit) : wide(limit) - wide(start),
                   step = down ? -wide(delta) : wide(delta);
    return static_cast<double>((way - 1) / step) + 1;
  } else {
    return std::max(std::ceil((to_double(limit) - to_double(start)) / to_double(delta)), 0.0);
  }
}

int64_t count(const NodeView& a, const Tensor& start, const Tensor& limit, const Tensor& delta) {
  return for_format(start.format(), [&]<typename T>() {
    const T from = element<T>(a, "start", start), to = element<T>(a, "limit", limit),
            step = element<T>(a, "delta", delta);
    if (to_double(step) == 0) a.error("delta is 0");
    const double n = count(from, to, step);
    if (!(n <= 0x1p48))
      a.error("from {} to {} in steps of {} are {} elements", to_double(from), to_double(to), to_double(step),
              n);
    return static_cast<int64_t>(n);
  });
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
          if (a.constant(0) && a.constant(1) && a.constant(2))
            shape[0] = count(a, *a.constant(0), *a.constant(1), *a.constant(2));
          return std::vector<Type>{{.format = a.format(0), .shape = shape}};
        },
    .forward =
        [](const OpCall& c) {
          const int64_t n = count(c, c.input(0), c.input(1), c.input(2));
          if (!c.output(0)) c.allocate(0, c.input(0).format(), {n});
          for_format(c.input(0).format(), [&]<typename T>() {
            const T start = *c.input(0).data<T>(), delta = *c.input(2).data<T>();
            const auto y = c.out<T>(0);
            for (size_t i = 0; i < y.size(); ++i) {
              if constexpr (wrapping::kWraps<T>)
                y[i] = wrapping::add(start, wrapping::mul(static_cast<T>(i), delta));
              else
                y[i] = from_double<T>(to_double(start) + static_cast<double>(i) * to_double(delta));
            }
          });
        },
    .stops_gradient = true,
    .samples = kSamples};

}  // namespace dunlin::ops
