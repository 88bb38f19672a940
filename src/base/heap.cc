#include "base/heap.h"

#include <malloc.h>

namespace dunlin {

void keep_heap_small() {
#ifdef __GLIBC__
  // Setting a threshold also keeps it: by itself glibc raises it to the largest block that was ever freed, and such
  // blocks then stay.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  ::mallopt(M_ARENA_MAX, 2);
#endif
}

}  // namespace dunlin
