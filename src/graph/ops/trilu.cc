#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace dunlin::ops {

namespace {
constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]"}, {"upper=0", "f32[3,4] i64[]{1}"}, {"", "f32[3,3] i64[]{-1}"}};
}

extern constexpr OpDef kTrilu{.name = "Trilu",
                              .since = 14,
                              .source = "ONNX Trilu",
                              .inputs = {1, 2},
                              .infer =
                                  [](const InferArgs& a) {
                                    if (a.shape(0).rank() < 2)
                                      a.error("input is {}, a matrix is expected", to_string(a.shape(0)));
                                    return infer_same(a);
                                  },
                              .forward =
                                  [](const OpCall& c) {
                                    const bool upper = c.attr_int("upper", 1) != 0;
                                    const int64_t k = c.has_input(1) ? one_integer(c, "k", c.input(1)) : 0;
                                    const Shape& s = c.input(0).shape();
                                    const int64_t rows = s[s.rank() - 2], cols = s[s.rank() - 1];
                                    for_word(c.input(0).format(), [&]<typename Word>() {
                                      const auto x = word_elements<Word>(c.input(0));
                                      const auto y = word_elements<Word>(c.output(0));
                                      for (size_t i = 0; i < y.size(); ++i) {
                                        const int64_t row = static_cast<int64_t>(i) / cols % rows,
                                                      col = static_cast<int64_t>(i) % cols;
                                        y[i] = (upper ? col - row >= k : col - row <= k) ? x[i] : Word(0);
                                      }
                                    });
                                  },
                              .gradient =
                                  [](Grad& g) {
                                    std::vector<ValueId> inputs{g.out_grad(0)};
                                    if (g.has_input(1)) inputs.push_back(g.in(1));
                                    g.to_input(0, g.emit("Trilu", inputs, g.node().attributes));
                                  },
                              .narrow_inputs = 1,
                              .samples = kSamples};

}  // namespace dunlin::ops
