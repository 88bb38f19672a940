#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace dunlin {

void init_logging(bool quiet) {
  auto logger = spdlog::get("dunlin");
  if (!logger) logger = spdlog::stderr_color_mt("dunlin");
  logger->set_pattern("%Y-%m-%d %H:%M:%S %^%l%$ %v");
  logger->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  spdlog::set_default_logger(logger);
}

}  // namespace dunlin
