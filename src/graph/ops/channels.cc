#include "graph/ops/channels.h"

namespace dunlin::ops {

std::vector<double> to_doubles(const Tensor& t) {
  std::vector<double> out(static_cast<size_t>(t.num_elements()));
  if (const NarrowCodec* codec = t.format()->narrow) {
    const auto* in = reinterpret_cast<const uint8_t*>(t.plane(Plane::kPayload).data());
    for_each_strided(
        t.shape(), [&](size_t k, int64_t i) { out[k] = codec->decode(in[i]); }, t.strides());
    return out;
  }
  for_number_format(t.format(), [&]<typename T>() {
    const T* in = t.data<T>();
    for_each_strided(
        t.shape(), [&](size_t k, int64_t i) { out[k] = to_double(in[i]); }, t.strides());
  });
  return out;
}

void store_doubles(const OpCall& c, int i, const std::vector<double>& values) {
  if (!c.has_output(i)) return;
  for_number_format(c.output(i).format(), [&]<typename T>() {
    const auto out = c.out<T>(i);
    for (size_t k = 0; k < values.size(); ++k) out[k] = from_double<T>(values[k]);
  });
}

}  // namespace dunlin::ops
