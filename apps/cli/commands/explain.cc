// dunlin explain: the plan, step by step.
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "command.h"
#include "dunlin/session.h"
#include "graph/onnx/import.h"
#include "learn/train_graph.h"
#include "shapes.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model;
  std::vector<std::string> shapes;
  int runs = 0;
  int64_t training = 0;  // samples of a training step; 0: inference
};

Session open_session(const Options& o, const Common& common) {
  SessionOptions options{.num_threads = common.num_threads(), .profile = o.runs > 0};
  if (o.training == 0) return Session::load(o.model, std::move(options));
  const TrainGraph g = make_train_graph(prepare_for_training(load_onnx(o.model)), {.loss = "ce"});
  options.variables = g.weights;
  options.variables.insert(options.variables.end(), g.statistics.begin(), g.statistics.end());
  return Session(g.graph, std::move(options));
}

Result explain(const Options& o, const Common& common) {
  Session session = open_session(o, common);
  const auto shapes = input_shapes(session, o.shapes, std::max<int64_t>(o.training, 1));
  if (o.runs > 0) {
    const auto inputs = random_inputs(session, shapes);
    for (int i = 0; i < o.runs; ++i)
      session.run(inputs, {.seed = static_cast<uint64_t>(i), .training = o.training > 0});
  }
  Result result;
  result.json = Json::parse(session.explain(shapes));
  for (const Json& step : result.json["steps"]) {
    result.text += fmt::format("{:<28} {:<24}", step.value("name", ""), step.value("kernel", ""));
    if (step.contains("output")) result.text += fmt::format(" {:<22}", step["output"].get<std::string>());
    if (step.contains("ms")) result.text += fmt::format(" {:9.4f} ms", step["ms"].get<double>());
    result.text += "\n";
  }
  result.text += fmt::format("{} steps, arena {}, weights {}\n", result.json["steps"].size(),
                             human_bytes(result.json.value("arena_bytes", uint64_t{0})),
                             human_bytes(result.json.value("weight_bytes", uint64_t{0})));
  return result;
}

}  // namespace

void add_explain(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "explain", "Show the plan: what runs where, in how many bytes",
                            "dunlin explain model.onnx --runs 20",
                            [o](const Common& common) { return explain(*o, common); });
  c->add_option("model", o->model, "ONNX file")->required();
  c->add_option("--shape", o->shapes, "NAME=1x3x224x224 where the model leaves a size open")->take_all();
  c->add_option("--training", o->training, "The plan of a training step (cross-entropy) over so many samples")
      ->check(CLI::Range(1, 1 << 20));
  c->add_option("--runs", o->runs, "Measure every step over so many runs")->check(CLI::Range(0, 1000000));
}

}  // namespace dunlin::cli
