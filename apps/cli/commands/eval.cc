// dunlin eval: loss and metrics of a model on data.
#include <fmt/format.h>

#include "base/clock.h"
#include "command.h"
#include "graph/onnx/import.h"
#include "learn/data/open.h"
#include "learn/trainer.h"
#include "metrics_text.h"
#include "progress.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model, data, loss;
  int64_t batch = 64;
  bool train_part = false, confusion = false;
};

Result evaluate(const Options& o, const Common& common) {
  const Model model = load_onnx(o.model);
  const DataParts parts = open_data(o.data);
  const DatasetPtr data = parts.test && !o.train_part ? parts.test : parts.train;
  const Task task = task_of(model, *data, o.model, o.loss.empty() ? "ce" : o.loss);
  ProgressBar bar(common.quiet);
  const double start = monotonic_seconds();
  const auto progress = [&](int64_t done, int64_t total) {
    const double seconds = monotonic_seconds() - start;
    const double fraction = static_cast<double>(done) / static_cast<double>(total);
    bar.update(fraction, fmt::format("{:.0f} samples/s", static_cast<double>(done) / seconds),
               seconds / fraction - seconds);
    return true;
  };
  const Metrics m = evaluate_model(
      model, task, data, {.batch = o.batch, .loss = o.loss, .pool = common.pool(), .progress = progress});
  bar.finish();
  Result result{metrics_json(m, task, o.confusion), metrics_text(m, task, o.confusion)};
  result.json["seconds"] = monotonic_seconds() - start;
  return result;
}

}  // namespace

void add_eval(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "eval", "Loss and accuracy of a model on data",
                            "dunlin eval model.onnx --data images/ --confusion",
                            [o](const Common& common) { return evaluate(*o, common); });
  c->add_option("model", o->model, "ONNX file")->required();
  c->add_option("--data", o->data, "Data (docs/data.md); its test part where it has one")->required();
  c->add_option("--batch", o->batch, "Samples at a time")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  c->add_option("--loss", o->loss, "ce, nll, bce, mse or FILE.onnx; default: the model's own");
  c->add_flag("--train-part", o->train_part, "Judge on the training part");
  c->add_flag("--confusion", o->confusion, "Show which classes are taken for which");
}

}  // namespace dunlin::cli
