#include "fleet/model/data_evaluator.h"

#include "fleet/model/onnx_codec.h"
#include "learn/data/open.h"
#include "learn/trainer.h"

namespace dunlin::fleet {

Evaluated DataEvaluator::evaluate(ByteSpan artefact) {
  const dunlin::Model model = parse_artefact(artefact);
  const Task task = task_of(model, *data_, "the fleet's model");
  const Metrics m = evaluate_model(model, task, data_, {.batch = 64, .pool = pool_});
  return {static_cast<uint64_t>(m.samples), m.loss(), m.accuracy()};
}

DatasetPtr open_evaluation_data(const std::string& data) {
  const DataParts parts = open_data(data, {.wanted = DataOptions::Wanted::kTest});
  return parts.test ? parts.test : parts.train;
}

}  // namespace dunlin::fleet
