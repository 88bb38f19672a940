// dunlin conform: runs a tree of ONNX backend tests.
#include <fmt/format.h>

#include "command.h"
#include "dunlin/session.h"
#include "graph/conform.h"
#include "graph/passes/inline_functions.h"
#include "graph/support.h"
#include "progress.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string dir;
  bool reference = false;
};

Result run_conform(const Options& o, const Common& common) {
  const std::shared_ptr<ThreadPool> pool = common.pool();
  const ModelRunner session = [&](const Model& model, std::vector<RunValue> inputs) {
    auto graph = std::make_shared<const Graph>(inline_functions(model));
    check_supported(*graph);
    return Session(graph, {.pool = pool, .winograd = false}).run_values(std::move(inputs));
  };
  ProgressBar bar(common.quiet);
  const ConformReport report = conform(o.dir, o.reference ? ModelRunner(run_with_references) : session,
                                       {.progress = [&](size_t done, size_t all) {
                                         bar.update(static_cast<double>(done) / static_cast<double>(all),
                                                    fmt::format("{} of {}", done, all), -1);
                                       }});
  bar.finish();
  Result result;
  result.json = Json::parse(report.json());
  for (const ConformCase& c : report.cases)
    if (c.result != ConformCase::Result::kPassed)
      result.text +=
          fmt::format("{:<12} {}: {}\n", c.result == ConformCase::Result::kFailed ? "FAILED" : "unsupported",
                      c.name, c.reason);
  result.text += fmt::format("{} passed ({} of them random), {} failed, {} unsupported\n", report.passed,
                             report.random, report.failed, report.unsupported);
  if (report.failed > 0) result.exit_code = 1;
  return result;
}

}  // namespace

void add_conform(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "conform", "Run a tree of ONNX backend tests; fails if one of them does",
                            "dunlin conform /usr/share/libonnx-testdata/data/node",
                            [o](const Common& common) { return run_conform(*o, common); });
  c->add_option("dir", o->dir, "Folder of cases: model.onnx with test_data_set_N")->required();
  c->add_flag("--reference", o->reference, "Run the scalar references instead of the runtime");
}

}  // namespace dunlin::cli
