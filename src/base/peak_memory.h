// The most memory that a process has held.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace dunlin {

/// Peak resident memory of process `pid`, in bytes; 0 when it is gone. 0: of this one. What a process held before
/// exec() does not count, as it does in getrusage(): a small program under a large parent is small.
uint64_t peak_rss_bytes(pid_t pid = 0);

}  // namespace dunlin
