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
  size_t nodes = 0;                                 ///< functions inlined, subgraphs included
  std::map<std::string, int> ops;                   ///< nodes by op
  uint64_t parameters = 0;                          ///< elements of floating-point initialisers
  std::map<std::string, uint64_t> bytes_by_format;  ///< of initialisers
  uint64_t weight_bytes = 0;
  /// Multiply-accumulates of Conv, ConvTranspose, Gemm and MatMul for `macs_shapes`; none: not all shapes are
  /// known.
  std::optional<uint64_t> macs;
  std::map<std::string, Shape, std::less<>> macs_shapes;
  std::string macs_why_not;
  bool trainable = false;
  std::string trainable_why_not;  ///< the op without a gradient, with its node
  std::map<std::string, std::string> metadata;
  std::vector<std::string> functions;    ///< "domain.name"
  std::vector<Unsupported> unsupported;  ///< what cannot run, and why
};

/// `input_shapes` are those that MACs are counted for; dimensions that are still open count as 1.
Inspection inspect(const Model& model, const std::map<std::string, Shape, std::less<>>& input_shapes = {});

/// One JSON object.
std::string to_json(const Inspection& inspection);
/// For people: some lines of text.
std::string to_text(const Inspection& inspection);

}  // namespace dunlin
