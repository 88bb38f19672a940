#include <cmath>

#include "graph/ops/elementwise.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32{1,inf,-inf,0}"}, {"detect_positive=0", "f32{1,inf,-inf,0}"}};
}

extern constexpr OpDef kIsInf{.name = "IsInf",
                              .since = 10,
                              .source = "ONNX IsInf",
                              .infer = infer_compare,
                              .forward =
                                  [](const OpCall& c) {
                                    const bool plus = c.attr_int("detect_positive", 1) != 0,
                                               minus = c.attr_int("detect_negative", 1) != 0;
                                    for_float_format(c.input(0).format(), [&]<typename T>() {
                                      const auto x = c.in<T>(0);
                                      const auto y = c.out<bool>(0);
                                      for (size_t i = 0; i < x.size(); ++i)
                                        y[i] = std::isinf(to_double(x[i])) &&
                                               (to_double(x[i]) > 0 ? plus : minus);
                                    });
                                  },
                              .stops_gradient = true,
                              .samples = kSamples};

}  // namespace dunlin::ops
