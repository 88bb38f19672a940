#include "graph/ops/cast.h"

#include <cmath>
#include <limits>

#include "tensor/strided.h"

namespace dunlin::ops {

namespace {

template <typename To, typename From>
To converted(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    // Out of range is undefined in C++ and left open by ONNX: wrap through 64 bits, NaN to 0.
    if (!(std::fabs(x) < static_cast<From>(0x1p63)))
      return std::isnan(x) ? To(0) : x > 0 ? std::numeric_limits<To>::max() : std::numeric_limits<To>::min();
    return static_cast<To>(static_cast<int64_t>(x));
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(x));
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace

void cast_elements(const Tensor& from, Tensor& to) {
  for_format(from.format(), [&]<typename From>() {
    for_format(to.format(), [&]<typename To>() {
      const From* in = from.data<From>();
      To* out = to.data<To>();
      for_each_strided(
          to.shape(),
          [&](size_t, int64_t i, int64_t o) {
            out[o] = converted<To>(static_cast<ComputeType<From>>(in[i]));
          },
          from.strides(), to.strides());
    });
  });
}

}  // namespace dunlin::ops
