// dunlin train: trains an ONNX model on data and writes it again.
#include <fmt/format.h>

#include <cstdio>

#include "arguments.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "command.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/passes/fold_batch_norm.h"
#include "learn/data/open.h"
#include "learn/partition.h"
#include "learn/trainer.h"
#include "metrics_text.h"
#include "outputs.h"
#include "progress.h"
#include "signals.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model, data, out, loss, optimizer = "sgd:momentum=0.9", schedule = "constant", part, share;
  std::string compute = "f32";
  TrainOptions train;
  bool resume = false, fold_batch_norm = false;
};

std::string state_path(const Options& o) { return o.out + ".state"; }

int64_t trained_parameters(const Trainer& trainer) {
  int64_t sum = 0;
  for (const std::string& name : trainer.trained()) sum += trainer.value(name).num_elements();
  return sum;
}

std::string what_trains(const Trainer& trainer) {
  std::string s = fmt::format("training {} weights, {} parameters", trainer.trained().size(),
                              trained_parameters(trainer));
  const ExporterConstants& c = trainer.constants();
  if (!c.names.empty())
    s += fmt::format("; not constants and buffers of PyTorch's exporter: {}, of {} numbers", c.names.size(),
                     c.elements);
  if (c.batch_norm_folded)
    s += "\nPyTorch's exporter folded BatchNormalization away, so it is not trained; export with "
         "optimize=False";
  return s;
}

Result train(Options o, const Common& common) {
  SignalStop signals;
  o.train.optimizer = parse_option("--optimizer", [&] { return parse_optimizer(o.optimizer); });
  o.train.schedule = parse_option("--schedule", [&] { return Schedule::parse(o.schedule); });
  const PartitionSpec part =
      parse_option("--part", [&] { return PartitionSpec::parse(o.part.empty() ? "uniform" : o.part); });
  std::optional<DataShare> share;
  if (!o.share.empty()) share = parse_option("--share", [&] { return DataShare::parse(o.share); });
  if (!o.loss.empty()) find_loss(o.loss);
  check_output_file(o.out);
  check_output_file(state_path(o));
  FileSystem& files = system_files();
  if (o.resume && !files.exists(state_path(o)))
    fail(ErrorCode::kNotFound, "{}: there is nothing to go on from; leave out --resume to begin",
         state_path(o));
  Model model = load_onnx(o.model);
  DataOptions only;  // of the whole data only the share is held in memory
  if (share) only.keep = [&](const Dataset& whole) { return samples_of_share(whole, part, *share); };
  const DataParts parts = open_data(o.data, only);
  const DatasetPtr& data = parts.train;
  const Task task = task_of(model, *data, o.model, o.loss.empty() ? "ce" : o.loss);
  o.train.loss = o.loss;
  o.train.pool = common.pool();
  Trainer trainer(std::move(model), task, o.train);
  if (o.resume) trainer.resume(load_checkpoint(files, state_path(o)), *data);

  if (!common.quiet)
    std::fputs((what_trains(trainer) + "\n").c_str(), stderr);  // ends nothing where it fails
  ProgressBar bar(common.quiet);
  const TrainResult r = trainer.train(data, [&](const Progress& p) {
    bar.update(static_cast<double>(p.step) / static_cast<double>(std::max<int64_t>(p.total_steps, 1)),
               fmt::format("epoch {}/{}  loss {:.4f}  {:.0f} samples/s", p.epoch + 1, p.epochs, p.loss,
                           p.samples_per_second),
               p.seconds_left);
    // After every epoch, so that a crash costs one at most.
    if (p.epoch_ended) save_checkpoint(files, state_path(o), trainer.checkpoint());
    return !signals.token().stop_requested();
  });
  bar.finish();
  save_checkpoint(files, state_path(o), trainer.checkpoint());
  if (r.stopped)
    fail(ErrorCode::kCancelled, "stopped after {} steps; the same command with --resume goes on from {}",
         r.steps, state_path(o));
  Model trained = trainer.model();
  if (o.fold_batch_norm) trained.graph = fold_batch_norm(std::move(trained.graph));
  save_onnx(trained, o.out);

  const Metrics m = trainer.evaluate(parts.test ? parts.test : data);
  Result result;
  result.json = {{"epochs", r.epochs},
                 {"steps", r.steps},
                 {"loss", r.loss},
                 {"accuracy", nullptr},
                 {"trained_weights", trainer.trained().size()},
                 {"trained_parameters", trained_parameters(trainer)},
                 {"median_step_ms", r.median_step_ms},
                 {"peak_rss_bytes", peak_rss_bytes()},
                 {"seconds", r.seconds},
                 {"model", o.out},
                 {"state", state_path(o)},
                 {"evaluated_on", parts.test ? "test" : "train"},
                 {"evaluation_loss", m.loss()}};
  if (m.has_classes) result.json["accuracy"] = m.accuracy();
  result.json["untrained"] = Json::array();
  for (const Untrained& u : trainer.untrained())
    result.json["untrained"].push_back({{"weight", u.weight}, {"why", u.why}});
  result.text = fmt::format("{}: {} epochs, {} steps in {}, median step {:.2f} ms\n{} part: {}", o.out,
                            r.epochs, r.steps, human_seconds(r.seconds), r.median_step_ms,
                            parts.test ? "test" : "training", metrics_text(m, task, false));
  if (const auto& untrained = trainer.untrained(); !untrained.empty())
    result.text += fmt::format("\n{} weights stayed as they were (--json lists them): \"{}\": {}",
                               untrained.size(), untrained[0].weight, untrained[0].why);
  return result;
}

}  // namespace

void add_train(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "train", "Train an ONNX model on data",
                            "dunlin train model.onnx --data /usr/share/datasets/fashion-mnist --epochs 3 "
                            "--lr 0.05 --out trained.onnx",
                            [o](const Common& common) { return train(*o, common); });
  c->add_option("model", o->model, "ONNX file")->required();
  c->add_option("--data", o->data, "Data (docs/data.md)")->required();
  c->add_option("--out", o->out, "ONNX file to write; OUT.state beside it holds what --resume needs")
      ->required();
  c->add_option("--epochs", o->train.epochs, "Times through the data")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  c->add_option("--max-steps", o->train.max_steps, "End after so many optimizer steps; 0: no such limit")
      ->check(at_least(0));
  c->add_option("--batch", o->train.batch, "Samples per step")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  c->add_option("--optimizer", o->optimizer, "sgd, adam, adamw, with options: adamw:weight_decay=0.01")
      ->capture_default_str();
  c->add_option("--lr", o->train.learning_rate, "Learning rate; 0: the optimizer's default")
      ->check(at_least(0));
  c->add_option("--schedule", o->schedule,
                "constant, step:EPOCHS:FACTOR, cosine or cosine:FINAL; each may end in ,warmup=STEPS")
      ->capture_default_str();
  c->add_option("--loss", o->loss, "ce, nll, bce, mse, or FILE.onnx from outputs and targets to a number");
  c->add_option("--freeze", o->train.frozen, "Weights that stay: names, * stands for any characters")
      ->take_all();
  c->add_flag("--freeze-batch-norm", o->train.freeze_batch_norm, "Keep BatchNormalization's statistics");
  c->add_flag("--fold-batch-norm", o->fold_batch_norm,
              "Write the model with BatchNormalization inside the convolutions: smaller, for use, not for "
              "more training");
  c->add_option("--compute", o->compute, "Precision of the arithmetic")
      ->check(CLI::IsMember({"f32"}))
      ->capture_default_str();
  c->add_option("--seed", o->train.seed, "Of the sample order and of Dropout")
      ->check(at_least(0))
      ->capture_default_str();
  CLI::Option* share = c->add_option("--share", o->share, "I/N: only this part of the data");
  c->add_option("--part", o->part, "uniform:SEED or dirichlet:ALPHA:SEED, with --share")->needs(share);
  c->add_flag("--resume", o->resume, "Go on from OUT.state, bit for bit");
}

}  // namespace dunlin::cli
