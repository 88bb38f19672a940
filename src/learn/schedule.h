// Learning rate by step: constant, step or cosine, each after an optional linear warm-up.
#pragma once

#include <cstdint>
#include <string>

namespace dunlin {

struct Schedule {
  enum class Kind : uint8_t { kConstant, kStep, kCosine };
  Kind kind = Kind::kConstant;
  int64_t warmup_steps = 0;  ///< step s < warmup runs at base * (s + 1) / warmup
  int64_t every_epochs = 1;  ///< kStep: multiplied by `factor` after each of these
  double factor = 0.1;
  double final_fraction = 0;  ///< kCosine: where it ends, as a fraction of the base

  bool operator==(const Schedule&) const = default;
  /// "constant", "step:EPOCHS:FACTOR", "cosine", "cosine:FINAL"; each may be followed by ",warmup=STEPS".
  /// Throws kInvalidArgument otherwise.
  static Schedule parse(const std::string& text);
  std::string to_text() const;

  /// Rate of step `step` (from 0) out of `total_steps`.
  double rate(double base, int64_t step, int64_t total_steps, int64_t steps_per_epoch) const;
};

}  // namespace dunlin
