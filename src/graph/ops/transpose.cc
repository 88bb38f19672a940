#include "graph/autodiff/grad.h"
#include "graph/ops/movement.h"
#include "graph/ops/permutation.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,3,4]"}, {"perm=[2,0,1]", "f32[2,3,4]"}, {"perm=[0,2,1,3]", "i8[2,3,1,2]"}};

}  // namespace

extern constexpr OpDef kTranspose{.name = "Transpose",
                                  .source = "ONNX Transpose",
                                  .inputs = 1,
                                  .infer =
                                      [](const InferArgs& a) {
                                        Shape out;
                                        for (int64_t p : transposition(a, a.shape(0).rank()))
                                          out.push_back(a.shape(0)[static_cast<int>(p)]);
                                        return std::vector<Type>{{.format = a.format(0), .shape = out}};
                                      },
                                  .forward =
                                      [](const OpCall& c) {
                                        Strides strides;
                                        for (int64_t p : transposition(c, c.input(0).shape().rank()))
                                          strides.push_back(c.input(0).strides()[static_cast<size_t>(p)]);
                                        copy_window(c.input(0), 0, strides, c.output(0));
                                      },
                                  .gradient =
                                      [](Grad& g) {
                                        const std::vector<int64_t> perm = g.attr_ints("perm");
                                        Attributes attributes;
                                        if (!perm.empty()) {  // reversing all axes is its own inverse
                                          std::vector<int64_t> inverse(perm.size());
                                          for (size_t i = 0; i < perm.size(); ++i)
                                            inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
                                          attributes["perm"] = inverse;
                                        }
                                        g.to_input(
                                            0, g.emit("Transpose", {g.out_grad(0)}, std::move(attributes)));
                                      },
                                  .strings = Strings::kNumbered,
                                  .narrow_inputs = 1,
                                  .samples = kSamples};

}  // namespace dunlin::ops
