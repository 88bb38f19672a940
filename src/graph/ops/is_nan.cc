#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32{1,nan,-inf,0}"}};
}

extern constexpr OpDef kIsNaN{.name = "IsNaN",
                              .since = 9,
                              .source = "ONNX IsNaN",
                              .infer = infer_compare,
                              .forward =
                                  [](const OpCall& c) {
                                    for_float_format(c.input(0).format(), [&]<typename T>() {
                                      const auto x = c.in<T>(0);
                                      const auto y = c.out<bool>(0);
                                      for (size_t i = 0; i < x.size(); ++i)
                                        y[i] = std::isnan(to_double(x[i]));
                                    });
                                  },
                              .stops_gradient = true,
                              .samples = kSamples};

}  // namespace dunlin::ops
