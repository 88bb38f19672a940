// Tries models on the coordinator's own held-out data.
#pragma once

#include <memory>

#include "base/threads.h"
#include "fleet/coordinator/coordinator.h"
#include "learn/data/dataset.h"

namespace dunlin::fleet {

class DataEvaluator final : public Evaluator {
 public:
  DataEvaluator(DatasetPtr data, std::shared_ptr<ThreadPool> pool)
      : data_(std::move(data)), pool_(std::move(pool)) {}
  Evaluated evaluate(ByteSpan artefact) override;

 private:
  DatasetPtr data_;
  std::shared_ptr<ThreadPool> pool_;
};

/// From fleet.toml's evaluation.data: the test part where the data has one, all of it otherwise.
DatasetPtr open_evaluation_data(const std::string& data);

}  // namespace dunlin::fleet
