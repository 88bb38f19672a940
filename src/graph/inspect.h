// What is in a model: `dunlin inspect`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/ir.h"
#include "graph/support.h"

namespace dunlin {

struct Inspection {
  struct Port {
    std::string name;
    std::string format;              ///< "f32"; "?" while unknown
    std::vector<std::string> shape;  ///< "3", "batch", "?"
    bool rank_known = false;
  };
  int64_t ir_version = 0;
  std::map<std::string, int, std::less<>> opsets;
  std::string producer;
  std::vector<Port> inputs, outputs;
  size_t nodes = 0;                ///< functions inlined, subgraphs included
  std::map<std::string, int> ops;  ///< nodes by op
  uint64_t parameters = 0;  ///< elements of floating-point initialisers and constants; merged ones count each
  std::map<std::string, uint64_t> bytes_by_format;  ///< of initialisers and constants
  uint64_t weight_bytes = 0;
  /// Multiply-accumulates of Conv, ConvTranspose, Gemm and MatMul for `macs_shapes`; none: not all shapes are
  /// known.
  std::optional<uint64_t> macs;
  std::map<std::string, Shape, std::less<>> macs_shapes;
  std::string macs_why_not;
  /// Bytes that tensors take from each file of external data; set by whoever loaded the model.
  std::map<std::string, uint64_t> external_bytes;
  /// The model's task in words; "" when it has none. Set by whoever can read tasks.
  std::string task;
  bool trainable = false;
  std::string
      trainable_why_not;  ///< the op without a gradient, with its node and the path to it from a weight
  uint64_t trainable_parameters = 0;
  std::vector<std::string> weights;  ///< that training changes by default
  /// Initialisers that stay because PyTorch's exporter says that they are no parameters, and their elements.
  std::vector<std::string> constants;
  uint64_t constant_elements = 0;
  bool batch_norm_folded = false;  ///< by that exporter
  struct Part {
    std::string name, why;
  };
  /// Every op that gradients would have to pass and cannot: `Op "node"`, and the path.
  std::vector<Part> without_gradient;
  /// Weights that no gradient comes to.
  std::vector<Part> untrained;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> functions;    ///< "domain.name"
  std::vector<Unsupported> unsupported;  ///< what cannot run, and why
  std::vector<std::string> symbols;      ///< names of open dimensions of the inputs
};

/// `input_shapes` are those that MACs are counted for; dimensions that are still open count as 1.
Inspection inspect(const Model& model, const std::map<std::string, Shape, std::less<>>& input_shapes = {});

/// Fills in what can be trained of `graph`, whose types have been inferred where it can run, through its first output.
/// `weights`: what find_weights() found before folding.
void judge_training(const Graph& graph, std::vector<ValueId> weights, Inspection& inspection);

/// One JSON object; docs/inspect.md lists its keys.
std::string to_json(const Inspection& inspection);
/// For people: some lines of text.
std::string to_text(const Inspection& inspection);

}  // namespace dunlin
