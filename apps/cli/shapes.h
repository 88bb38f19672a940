// Inputs for commands that run a model without being given any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dunlin/session.h"

namespace dunlin::cli {

/// NAME=1x3x224x224 words. Throws UsageError for others.
std::map<std::string, Shape, std::less<>> parse_shapes(const std::vector<std::string>& words);

/// The shapes of all inputs: from NAME=1x3x224x224 words, else from the model, an open first dimension
/// being `batch`. Throws kInvalidArgument when another dimension stays open.
std::map<std::string, Shape> input_shapes(const Session& session, const std::vector<std::string>& words,
                                          int64_t batch = 1);

/// Standard normal floats; zeros for other formats.
std::map<std::string, Tensor> random_inputs(const Session& session,
                                            const std::map<std::string, Shape>& shapes);

}  // namespace dunlin::cli
