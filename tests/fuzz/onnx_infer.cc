// Everything that is asked about a model before it runs: its file again, what it holds, its types, the passes, its
// gradient.
#include "fuzz.h"
#include "graph/autodiff/differentiate.h"
#include "graph/dot.h"
#include "graph/infer.h"
#include "graph/inspect.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/passes/fuse_epilogues.h"
#include "graph/passes/inline_functions.h"
#include "graph/passes/simplify.h"
#include "graph/passes/training_mode.h"

using namespace dunlin;

namespace {

/// Float initialisers are trained, as far as there are gradients.
void differentiate_all(const Graph& g) {
  TrainingModeOptions options;
  for (const auto& [v, t] : g.initializers)
    if (t->format() == &formats::kF32) options.variable.insert(v);
  const std::vector<ValueId> weights(options.variable.begin(), options.variable.end());
  for (ValueId loss : g.outputs) {
    if (loss == kNoValue || g.type(loss).shape != Shape{}) continue;
    differentiate(to_training_mode(g, options).graph, loss, weights);
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::expect_answer([&] {
    const Model model = parse_onnx(fuzz::bytes_of(data, size));
    fuzz::expect_answer([&] {
      const Bytes written = serialize_onnx(model);
      parse_onnx(written);
    });
    fuzz::expect_answer([&] { to_json(inspect(model)); });
    ModelLimits limits;
    limits.max_nodes = 1000;
    Graph g = inline_functions(model, limits);
    to_dot(g, unsupported_parts(g));
    check_supported(g);
    InferOptions options;
    options.folding.max_bytes = 1 << 20;
    options.folding.max_grown_bytes = 1 << 16;
    options.folding.max_node_macs = 1 << 16;
    g = infer_and_fold(std::move(g), options);
    fuzz::expect_answer([&] { differentiate_all(g); });
    g = infer_and_fold(simplify(std::move(g)), options);
    fuse_epilogues(remove_dead(std::move(g)));
  });
  return 0;
}
