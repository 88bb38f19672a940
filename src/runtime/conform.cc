#include "runtime/conform.h"

#include "graph/passes/inline_functions.h"

namespace dunlin {

ModelRunner session_runner(SessionOptions options) {
  options.winograd = false;
  return [options = std::move(options)](const Model& model, std::vector<RunValue> inputs) {
    Session session(std::make_shared<const Graph>(inline_functions(model)), options);
    return session.run_values(std::move(inputs));
  };
}

}  // namespace dunlin
