// A graph's plans, and one user's runs of them: what a session does for its model, and a step for each subgraph of
// its node.
#pragma once

#include <list>
#include <mutex>

#include "runtime/execution.h"

namespace dunlin {

/// The plans of one graph, one for each combination of input types; the last used are kept. Shared by all that run
/// the graph. Thread safe.
class PlanCache {
 public:
  /// What needs no sizes is done to the graph here, once.
  PlanCache(const Graph& graph, PlanOptions options);

  const Graph& graph() const { return graph_; }
  const PlanOptions& options() const { return options_; }
  /// `key` is another for other types.
  std::shared_ptr<const Plan> plan_for(const std::string& key, std::span<const Type> inputs);

 private:
  PlanOptions options_;
  Graph graph_;
  std::shared_ptr<const void> held_;  // see PackedCache::hold()
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const Plan>>> plans_;  // the last used first
};

/// One user's memory for such runs. One run at a time.
class Runner {
 public:
  explicit Runner(std::shared_ptr<PlanCache> plans)
      : plans_(std::move(plans)), outputs_(plans_->graph().outputs.size()) {}

  /// Inputs in the order of the graph's, in any layout. Throws kResourceExhausted when context.max_bytes are not enough.
  std::vector<RunValue> run(std::vector<RunValue> inputs, std::span<const Tensor> variables, ThreadPool& pool,
                            const RunContext& context, const Deadline& deadline, bool profile);
  Execution& execution_for(std::span<const Type> inputs);
  /// Gives the memory back, that of subgraphs too, unless it is so little that taking it again would cost more.
  void release();
  /// Gives back that of subgraphs alone.
  void release_bodies();
  /// What release() gives back, or more.
  uint64_t kept_bytes() const;

 private:
  std::shared_ptr<PlanCache> plans_;
  std::vector<OutputMemory> outputs_;
  ArenaMemory arena_;
  std::list<std::pair<std::string, Execution>> executions_;  // the last used first
};

}  // namespace dunlin
