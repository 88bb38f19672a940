/// What one run hands to the ops that draw random numbers or behave otherwise in training.
#pragma once

#include <cstdint>

namespace dunlin {

struct RunContext {
  uint64_t seed = 0;  ///< of this run: the trainer changes it every step
  bool training = false;
};

}  // namespace dunlin
