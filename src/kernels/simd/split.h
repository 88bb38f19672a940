// Splits elementwise work between threads.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/threads.h"

namespace dunlin {

/// Below this many elements waking a thread costs more than it saves.
inline constexpr size_t kMinElementsPerThread = 16384;

/// Calls run(begin, end) for pieces that cover [0, n) on several threads where that pays. The pieces depend
/// on the number of threads, so run() must compute every element by itself. Pieces begin at multiples of 64.
template <typename Run>
void split_elements(ThreadPool& pool, size_t n, const Run& run) {
  const size_t threads = static_cast<size_t>(pool.size());
  if (threads == 1 || n < 2 * kMinElementsPerThread) return run(size_t{0}, n);
  // Several pieces a thread even out cores that are busy with something else.
  const size_t pieces = std::min(n / kMinElementsPerThread, threads * 4);
  const size_t step = ((n + pieces - 1) / pieces + 63) / 64 * 64;
  pool.parallel_for((n + step - 1) / step,
                    [&](size_t i, int) { run(i * step, std::min(n, (i + 1) * step)); });
}

}  // namespace dunlin
