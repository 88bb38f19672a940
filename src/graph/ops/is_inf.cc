#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32{1,inf,-inf,0}"}, {"detect_positive=0", "f32{1,inf,-inf,0}"}};
}

extern constexpr OpDef kIsInf{.name = "IsInf",
                              .since = 10,
                              .source = "ONNX IsInf",
                              .inputs = 1,
                              .infer =
                                  [](const InferArgs& a) {
                                    check_float(a, 0);
                                    return infer_compare(a);
                                  },
                              .forward =
                                  [](const OpCall& c) {
                                    const bool plus = c.attr_int("detect_positive", 1) != 0,
                                               minus = c.attr_int("detect_negative", 1) != 0;
                                    const std::vector<double> x = to_doubles(c.input(0));
                                    const auto y = c.out<bool>(0);
                                    for (size_t i = 0; i < x.size(); ++i)
                                      y[i] = std::isinf(x[i]) && (x[i] > 0 ? plus : minus);
                                  },
                              .stops_gradient = true,
                              .narrow_inputs = 1,
                              .samples = kSamples};

}  // namespace dunlin::ops
