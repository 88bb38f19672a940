/// What one run hands to the ops that draw random numbers or behave otherwise in training.
///
/// Example:
///   dunlin::RunContext context{.seed = 7, .training = true};
///
/// Random  an op draws from a counter-based generator by (seed, node, element): the same seed gives the same
///         numbers on any machine and for any number of threads, and another seed other ones.
/// Threads a value, copied into the run. Errors: none.
#pragma once

#include <cstdint>

namespace dunlin {

struct RunContext {
  uint64_t seed = 0;  ///< of this run: the trainer changes it every step
  bool training = false;
  /// What the outputs of one op may take whose sizes are known only in the run. A session lowers it to what
  /// its own limit leaves.
  uint64_t max_bytes = UINT64_MAX;
  /// Of all loops of a run together, loops inside loops included: a small file may ask for 2^62.
  uint64_t max_iterations = 1'000'000;
  /// What is left of them; a run that is given none counts from max_iterations.
  uint64_t* iterations_left = nullptr;
};

}  // namespace dunlin
