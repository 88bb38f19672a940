// Time, handed in so that a whole round can be replayed.
#pragma once

#include <cstdint>

namespace dunlin {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC.
  virtual int64_t now_ms() = 0;
  /// Milliseconds that never go back; the origin means nothing.
  virtual int64_t monotonic_ms() = 0;
  virtual void sleep_ms(int64_t ms) = 0;
};

/// The machine's clock. Lives for the whole process; thread safe.
Clock& system_clock();

/// Seconds on a fine monotonic clock, for measuring durations.
double monotonic_seconds();

}  // namespace dunlin
