// Architectures that `dunlin new` makes: one file each, listed once in catalog.def. Weights are initialised
// as the architecture's paper or PyTorch does; the same seed gives the same file everywhere.
#pragma once

#include <span>
#include <string_view>

#include "graph/ir.h"

namespace dunlin {

struct ArchitectureOptions {
  int64_t classes = 10;
  int64_t channels = 1, height = 28, width = 28;  ///< of the input [N,C,H,W]
  uint64_t seed = 0;
};

struct Architecture {
  std::string_view name;    ///< "resnet18"
  std::string_view source;  ///< paper
  std::string_view input;   ///< default CxHxW
  /// Throws kInvalidArgument when the input is too small for the architecture.
  Model (*build)(const ArchitectureOptions& options);
};

std::span<const Architecture* const> all_architectures();
/// Throws kNotFound naming those that exist.
const Architecture& find_architecture(std::string_view name);

}  // namespace dunlin
