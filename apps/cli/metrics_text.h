// Metrics as JSON and as text.
#pragma once

#include <string>

#include "command.h"
#include "learn/metrics.h"
#include "learn/task.h"

namespace dunlin::cli {

Json metrics_json(const Metrics& m, const Task& task, bool confusion);
std::string metrics_text(const Metrics& m, const Task& task, bool confusion);

}  // namespace dunlin::cli
