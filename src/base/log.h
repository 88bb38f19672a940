// Logging goes to stderr through spdlog; stdout belongs to a command's result.
#pragma once

#include <spdlog/spdlog.h>

namespace dunlin {

/// Makes stderr the one sink. `quiet` keeps warnings and errors only.
void init_logging(bool quiet);

}  // namespace dunlin
