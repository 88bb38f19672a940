// How the heap of this process behaves. For main() only: a library leaves that to its host.
#pragma once

namespace dunlin {

/// For a process that handles a whole model now and then and waits in between: what is freed of a mebibyte and more
/// goes back to the system at once, and threads share two heaps instead of having eight a processor. Call it before
/// other threads begin.
void keep_heap_small();

}  // namespace dunlin
