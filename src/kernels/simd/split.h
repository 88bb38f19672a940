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

/// Calls run(begin, end) for runs of tasks that cover [0, count), each task touching about `elements`
/// elements; several small tasks share a call, and little work stays on the caller's thread. As with
/// split_elements, a task's result must not depend on which run it falls into.
template <typename Run>
void split_tasks(ThreadPool& pool, size_t count, size_t elements, const Run& run) {
  const size_t threads = static_cast<size_t>(pool.size());
  const size_t batch = std::max<size_t>(1, kMinElementsPerThread / std::max<size_t>(1, elements));
  if (count == 0) return;
  if (threads == 1 || count == 1 || count * elements < 2 * kMinElementsPerThread)
    return run(size_t{0}, count);
  const size_t pieces = std::min((count + batch - 1) / batch, threads * 8);
  pool.parallel_for(pieces, [&](size_t i, int) { run(count * i / pieces, count * (i + 1) / pieces); });
}

}  // namespace dunlin
