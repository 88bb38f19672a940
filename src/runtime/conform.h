// ONNX's backend tests through the runtime, as `dunlin conform` runs them.
#pragma once

#include "dunlin/session.h"
#include "graph/conform.h"

namespace dunlin {

/// For conform(): plans each model and runs the plan. Options that name values are left out.
ModelRunner session_runner(SessionOptions options = {});

}  // namespace dunlin
