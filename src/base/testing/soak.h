// How much longer than usual a test draws at random: `make soak` sets DUNLIN_SOAK, `make test` draws once.
#pragma once

#include <algorithm>
#include <cstdlib>

namespace dunlin {

inline int soak_factor() {
  const char* const text = std::getenv("DUNLIN_SOAK");
  return text ? std::max(1, std::atoi(text)) : 1;
}

}  // namespace dunlin
