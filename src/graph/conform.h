// ONNX's backend tests: a tree of folders, each with model.onnx and test_data_set_N/{input,output}_K.pb.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/op.h"

namespace dunlin {

/// Runs a model: inputs in the order of model.graph.inputs, outputs in the order of its outputs. Throws
/// kUnsupported for what it cannot run. Handed in, so that the same cases hold the references and the
/// runtime.
using ModelRunner = std::function<std::vector<RunValue>(const Model& model, std::vector<RunValue> inputs)>;

/// The scalar references, one node after the other.
std::vector<RunValue> run_with_references(const Model& model, std::vector<RunValue> inputs);

struct ConformCase {
  enum class Result : uint8_t { kPassed, kFailed, kUnsupported };
  std::string name;  ///< the folder's path below the tree
  Result result = Result::kPassed;
  std::string reason;   ///< of a failure; what is missing, for an unsupported case
  bool random = false;  ///< it draws random numbers: compared by type, shape, mean and spread
};

struct ConformReport {
  std::vector<ConformCase> cases;  ///< by name
  int passed = 0, failed = 0, unsupported = 0;
  int random = 0;  ///< of those that passed

  std::string json() const;
};

struct ConformOptions {
  double rtol = 1e-3, atol = 1e-7;
  /// Called after each case, for a progress bar.
  std::function<void(size_t done, size_t all)> progress;
};

/// Throws kNotFound when `dir` is missing or holds no case.
ConformReport conform(const std::string& dir, const ModelRunner& runner, const ConformOptions& options = {});

}  // namespace dunlin
