#include "graph/passes/simplify.h"

#include "graph/infer.h"
#include "graph/passes/cancel_copies.h"
#include "graph/passes/fake_quantize.h"
#include "graph/passes/fold_batch_norm.h"
#include "graph/passes/merge_equal.h"
#include "graph/passes/recognize_activations.h"
#include "graph/passes/recognize_attention.h"
#include "graph/passes/recognize_lookups.h"
#include "graph/passes/recognize_norms.h"
#include "graph/passes/recognize_pooling.h"
#include "graph/passes/recognize_quantized.h"

namespace dunlin {

Graph simplify(Graph g, const std::set<ValueId>& variable) {
  // Nodes that nothing needs would count as readers.
  g = merge_equal_nodes(cancel_copies(remove_dead(std::move(g)), variable), variable);
  // First what is a function of one byte as a whole: a product of a value with a gate of its own is one.
  g = recognize_quantized(recognize_lookups(std::move(g), variable), variable);
  g = fold_batch_norm(std::move(g), variable);
  g = recognize_fake_quantize(std::move(g), variable);
  g = recognize_activations(std::move(g), variable);
  g = recognize_layer_norms(std::move(g), variable);
  g = recognize_rms_norms(std::move(g), variable);
  g = recognize_pooling(std::move(g), variable);
  return recognize_attention(std::move(g), variable);
}

}  // namespace dunlin
