#include <cmath>

#include "graph/ops/channels.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32{1,nan,-inf,0}"}};
}

extern constexpr OpDef kIsNaN{.name = "IsNaN",
                              .since = 9,
                              .source = "ONNX IsNaN",
                              .inputs = 1,
                              .infer =
                                  [](const InferArgs& a) {
                                    check_float(a, 0);
                                    return infer_compare(a);
                                  },
                              .forward =
                                  [](const OpCall& c) {
                                    const std::vector<double> x = to_doubles(c.input(0));
                                    const auto y = c.out<bool>(0);
                                    for (size_t i = 0; i < x.size(); ++i) y[i] = std::isnan(x[i]);
                                  },
                              .stops_gradient = true,
                              .narrow_inputs = 1,
                              .samples = kSamples};

}  // namespace dunlin::ops
