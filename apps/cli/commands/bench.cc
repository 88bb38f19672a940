// dunlin bench: how fast a model runs here.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "command.h"
#include "dunlin/session.h"
#include "shapes.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model, isa;
  std::string compute = "f32";
  std::vector<std::string> shapes;
  int runs = 50, warmup = 5;
  bool winograd = true;
};

double percentile(const std::vector<double>& sorted, double p) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(p * static_cast<double>(sorted.size())))];
}

Result bench(const Options& o, const Common& common) {
  Session session = Session::load(
      o.model,
      {.num_threads = common.num_threads(), .isa = o.isa, .compute = o.compute, .winograd = o.winograd});
  const auto shapes = input_shapes(session, o.shapes);
  const auto inputs = random_inputs(session, shapes);
  for (int i = 0; i < o.warmup; ++i) session.run(inputs);
  std::vector<double> ms;
  for (int i = 0; i < o.runs; ++i) {
    const double start = monotonic_seconds();
    session.run(inputs);
    ms.push_back((monotonic_seconds() - start) * 1e3);
  }
  std::sort(ms.begin(), ms.end());
  const Json plan = Json::parse(session.explain(shapes));
  const double median = percentile(ms, 0.5), macs = plan.value("macs", 0.0);
  Result result;
  result.json = {{"median_ms", median},
                 {"p10_ms", percentile(ms, 0.1)},
                 {"p90_ms", percentile(ms, 0.9)},
                 {"p99_ms", percentile(ms, 0.99)},
                 {"max_ms", ms.back()},
                 {"joules", nullptr},  // no energy counter is read yet
                 {"macs", macs},
                 {"gflops", 2 * macs / (median * 1e6)},
                 {"arena_bytes", plan.value("arena_bytes", uint64_t{0})},
                 {"weight_bytes", plan.value("weight_bytes", uint64_t{0})},
                 {"peak_rss_bytes", peak_rss_bytes()},
                 {"isa", o.isa.empty() ? std::string(to_string(best_isa())) : o.isa},
                 {"compute", o.compute},
                 {"threads", common.num_threads()},
                 {"runs", o.runs}};
  result.text = fmt::format(
      "median {:.3f} ms  (p10 {:.3f}, p90 {:.3f}, p99 {:.3f}, max {:.3f})\n{:.1f} GFLOP/s, {:.0f} MMAC, "
      "arena {}, "
      "weights {}, peak memory {}, {}, {} threads\n",
      median, percentile(ms, 0.1), percentile(ms, 0.9), percentile(ms, 0.99), ms.back(),
      2 * macs / (median * 1e6), macs / 1e6, human_bytes(plan.value("arena_bytes", uint64_t{0})),
      human_bytes(plan.value("weight_bytes", uint64_t{0})), human_bytes(peak_rss_bytes()),
      result.json["isa"].get<std::string>(), common.num_threads());
  return result;
}

}  // namespace

void add_bench(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "bench", "Measure a model's speed and memory",
                            "dunlin bench model.onnx --runs 100 --threads 1",
                            [o](const Common& common) { return bench(*o, common); });
  c->add_option("model", o->model, "ONNX file")->required();
  c->add_option("--runs", o->runs, "Measured runs")->check(CLI::Range(1, 10000000))->capture_default_str();
  c->add_option("--warmup", o->warmup, "Runs before")->check(CLI::Range(0, 10000000))->capture_default_str();
  add_compute(*c, o->compute);
  c->add_option("--shape", o->shapes, "NAME=1x3x224x224 where the model leaves a size open")->take_all();
  c->add_option("--isa", o->isa, "Instruction set to hold to: scalar, avx2, avx512, ...");
  add_winograd_flag(*c, o->winograd);
}

}  // namespace dunlin::cli
