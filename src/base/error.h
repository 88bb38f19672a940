// Throwing helpers around dunlin::Error, and the check for faults of our own.
#pragma once

#include <fmt/format.h>

#include "dunlin/error.h"

namespace dunlin {

/// Throws Error{code, formatted message}.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(code, fmt::format(text, std::forward<Args>(args)...));
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace dunlin

/// For our own bugs only: no input, file or peer may be able to reach it. Throws Error{kInternal}.
#define DUNLIN_CHECK(condition)                        \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::dunlin::check_failed(#condition, __FILE__, __LINE__))
