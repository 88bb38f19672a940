// dunlin explain: the plan, step by step.
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file_system.h"
#include "command.h"
#include "dunlin/session.h"
#include "graph/onnx/import.h"
#include "learn/train_graph.h"
#include "outputs.h"
#include "shapes.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model, trace;
  std::string compute = "f32";
  std::vector<std::string> shapes;
  int runs = 0;
  bool winograd = true;
  int64_t training = 0;  // samples of a training step; 0: inference
};

Session open_session(const Options& o, const Common& common) {
  SessionOptions options{.num_threads = common.num_threads(),
                         .compute = o.compute,
                         .winograd = o.winograd,
                         .profile = o.runs > 0};
  if (o.training == 0) return Session::load(o.model, std::move(options));
  const TrainGraph g = make_train_graph(prepare_for_training(load_onnx(o.model)), {.loss = "ce"});
  options.winograd = false;  // as the trainer's session
  options.variables = g.weights;
  options.variables.insert(options.variables.end(), g.statistics.begin(), g.statistics.end());
  return Session(g.graph, std::move(options));
}

double bytes_moved(const Json& step) {
  return step.value("bytes_read", 0.0) + step.value("bytes_written", 0.0);
}

/// One mean run in Chrome's trace format, which Perfetto and chrome://tracing show.
std::string trace_json(const Json& plan) {
  Json events = Json::array();
  double at_us = 0;
  for (const Json& step : plan["steps"]) {
    const double us = step.value("ms", 0.0) * 1e3;
    events.push_back({{"name", step.value("node", "")},
                      {"cat", step.value("kernel", "")},
                      {"ph", "X"},
                      {"pid", 1},
                      {"tid", 1},
                      {"ts", at_us},
                      {"dur", us},
                      {"args",
                       {{"kernel", step.value("kernel", "")},
                        {"macs", step.value("macs", 0.0)},
                        {"bytes_read", step.value("bytes_read", 0.0)},
                        {"bytes_written", step.value("bytes_written", 0.0)}}}});
    at_us += us;
  }
  return Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump(-1, ' ', false,
                                                                       Json::error_handler_t::replace);
}

std::string step_line(const Json& step) {
  std::string output;
  if (const auto it = step.find("outputs"); it != step.end() && !it->empty())
    output = (*it)[0].value("type", "") + ((*it)[0].value("layout", "") == "channels last" ? " nhwc" : "");
  const double macs = step.value("macs", 0.0), bytes = bytes_moved(step);
  std::string line =
      fmt::format("{:<32.32} {:<18.18} {:<26.26} {:>9.3f} {:>9} {:>7}", step.value("node", ""),
                  step.value("kernel", ""), output, macs / 1e6, human_bytes(static_cast<uint64_t>(bytes)),
                  bytes > 0 && macs > 0 ? fmt::format("{:.1f}", macs / bytes) : "");
  if (step.contains("ms")) line += fmt::format(" {:9.4f}", step["ms"].get<double>());
  return line + "\n";
}

Result explain(Options o, const Common& common) {
  constexpr int kTraceRuns = 10;
  if (!o.trace.empty()) check_output_file(o.trace);
  if (!o.trace.empty() && o.runs == 0) o.runs = kTraceRuns;
  Session session = open_session(o, common);
  const auto shapes = input_shapes(session, o.shapes, std::max<int64_t>(o.training, 1));
  if (o.runs > 0) {
    const auto inputs = random_inputs(session, shapes);
    for (int i = 0; i < o.runs; ++i)
      session.run(inputs, {.seed = static_cast<uint64_t>(i), .training = o.training > 0});
  }
  Result result;
  result.json = Json::parse(session.explain(shapes));
  result.text = fmt::format("{:<32} {:<18} {:<26} {:>9} {:>9} {:>7}{}\n", "step", "kernel", "output", "MMAC",
                            "moved", "MAC/B", o.runs > 0 ? "        ms" : "");
  double moved = 0;
  for (const Json& step : result.json["steps"]) {
    result.text += step_line(step);
    moved += bytes_moved(step);
  }
  if (!o.trace.empty()) {
    system_files().write_atomic(o.trace, as_bytes(trace_json(result.json)));
    result.json["trace"] = o.trace;
  }
  result.text +=
      fmt::format("{} steps, {:.3f} MMAC, {} moved, arena {}, weights {}\n", result.json["steps"].size(),
                  result.json.value("macs", 0.0) / 1e6, human_bytes(static_cast<uint64_t>(moved)),
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
  add_compute(*c, o->compute);
  c->add_option("--runs", o->runs, "Measure every step over so many runs")->check(CLI::Range(0, 1000000));
  c->add_option("--trace", o->trace, "Write the measured steps to this file, for https://ui.perfetto.dev");
  add_winograd_flag(*c, o->winograd);
}

}  // namespace dunlin::cli
