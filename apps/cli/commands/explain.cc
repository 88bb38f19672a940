// dunlin explain: the plan, step by step.
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "command.h"
#include "dunlin/session.h"
#include "shapes.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model;
  std::vector<std::string> shapes;
  int runs = 0;
};

Result explain(const Options& o, const Common& common) {
  Session session = Session::load(o.model, {.num_threads = common.num_threads(), .profile = o.runs > 0});
  const auto shapes = input_shapes(session, o.shapes);
  if (o.runs > 0) {
    const auto inputs = random_inputs(session, shapes);
    for (int i = 0; i < o.runs; ++i) session.run(inputs);
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
  c->add_option("--runs", o->runs, "Measure every step over so many runs")->check(CLI::Range(0, 1000000));
}

}  // namespace dunlin::cli
