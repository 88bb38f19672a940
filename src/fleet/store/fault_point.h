// Where a test may kill the process: every write point of a round. Compiled to nothing but in the test-only
// variant of the library (DUNLIN_FAULT_POINTS), so that no deployed binary carries the hook.
#pragma once

namespace dunlin::fleet {

#ifdef DUNLIN_FAULT_POINTS
using FaultHook = void (*)(const char* place, const char* moment);
/// Null: none. Set by one thread before the coordinator is made.
extern FaultHook fault_hook;
#define DUNLIN_FAULT_POINT(place, moment)                                        \
  do {                                                                           \
    if (::dunlin::fleet::fault_hook) ::dunlin::fleet::fault_hook(place, moment); \
  } while (false)
#else
#define DUNLIN_FAULT_POINT(place, moment) static_cast<void>(0)
#endif

}  // namespace dunlin::fleet
