#include "graph/ops/channels.h"
#include "graph/ops/lu.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {{"", "f32[2] f32[2,3,3]"},
                               {"", "f32[] f32[3,3]{1,2,3,2,4,6,1,0,1}"},
                               {"", "f32[] f32[3,3]{1,2,3,2,4,6,3,6,9}"}};
}

/// dX of Det: dy times the cofactors, which exist for singular matrices too.
extern constexpr OpDef kDetGrad{.name = "DetGrad",
                                .domain = kDunlinDomain,
                                .source = "adjoint of ONNX Det (Jacobi's formula)",
                                .inputs = 2,
                                .infer = [](const InferArgs& a) { return std::vector<Type>{a.type(1)}; },
                                .forward =
                                    [](const OpCall& c) {
                                      const Shape& s = c.input(1).shape();
                                      if (c.input(0).shape() != det_shape(c, s))
                                        c.error("dy is {}, X {}", to_string(c.input(0).shape()),
                                                to_string(s));
                                      const auto n = static_cast<size_t>(s[s.rank() - 1]);
                                      const std::vector<double> dy = to_doubles(c.input(0));
                                      std::vector<double> x = to_doubles(c.input(1));
                                      for (size_t i = 0; i < dy.size(); ++i) {
                                        const auto cofactors = Lu(x.data() + i * n * n, n).cofactors();
                                        for (size_t k = 0; k < n * n; ++k)
                                          x[i * n * n + k] = dy[i] * cofactors[k];
                                      }
                                      store_doubles(c, 0, x);
                                    },
                                .costly = true,
                                .samples = kSamples};

}  // namespace dunlin::ops
