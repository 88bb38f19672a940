#include "base/error.h"
#include "dunlin/session.h"
#include "graph/infer.h"
#include "graph/op.h"
#include "learn/train_graph.h"
#include "learn/trainer.h"
#include "tensor/formats.h"

namespace dunlin {

Metrics evaluate_model(const Model& model, const Task& task, const DatasetPtr& data,
                       const EvaluateOptions& options) {
  const EvaluateGraph graph =
      make_evaluate_graph(prepare_for_training(model), options.loss.empty() ? task.loss : options.loss);
  const auto pool = options.pool ? options.pool : std::make_shared<ThreadPool>(1);
  Session session(graph.graph, {.pool = pool});
  const Loader loader(data, task, graph.form,
                      {.batch = options.batch, .shuffle = false, .tokens = takes_token_numbers(model.graph)});
  Metrics metrics;
  for (int64_t b = 0; b < loader.batches_per_epoch(); ++b) {
    Batch batch = loader.load(0, b, pool.get());
    const Tensor inputs[] = {batch.input.view(), batch.target.view()};
    const std::vector<Tensor> out = session.run(inputs);
    metrics.add(out[1], batch.target, to_scalar(out[0]));
    if (options.progress && !options.progress(metrics.samples, static_cast<int64_t>(data->size()))) break;
  }
  return metrics;
}

Task task_of(const Model& model, const Dataset& data, const std::string& model_name,
             const std::string& loss) {
  if (auto task = read_task(model.metadata, model_name)) return *task;
  // Inferred, since a file need not say how many outputs it has, and then no label could be checked.
  const Graph g = infer_and_fold(prepare_for_training(model));
  const Shape& x = *g.type(g.inputs[0]).shape;
  const Shape input(std::vector<int64_t>(x.begin() + 1, x.end()));
  if (!input.known())
    fail(ErrorCode::kFailedPrecondition,
         "{}: its input \"{}\" has sizes that are not fixed, and no task says which to use", model_name,
         g.value_name(g.inputs[0]));
  const Type& y = g.type(g.outputs[0]);
  const int64_t outputs = y.shape && y.shape->rank() == 2 ? std::max<int64_t>(0, (*y.shape)[1]) : 0;
  Task task = guess_task(input, outputs, data, loss.ends_with(".onnx") ? "file" : loss);
  if (model.graph.type(model.graph.inputs[0]).format != &formats::kF32)
    task.scale = 1;  // tokens are no pixels
  return task;
}

}  // namespace dunlin
