// Trains what train.py prepared, by the graphs and optimizers that `dunlin train` uses:
//   train_models OUT NAME ...      OUT/NAME/dunlin.json: per optimizer the losses, and a sample of every weight and
//                                  running statistic after the first and the last step; or {"error": text}
// Models may read several inputs here; `dunlin train` feeds one.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_system.h"
#include "dunlin/session.h"
#include "graph/exporter_parameters.h"
#include "graph/onnx/import.h"
#include "graph/op.h"
#include "graph/passes/inline_functions.h"
#include "graph/passes/untie_initializers.h"
#include "graph/support.h"
#include "learn/optimizers/optimizer.h"
#include "learn/train_graph.h"
#include "tensor/npy.h"

namespace {

namespace fs = std::filesystem;
using namespace dunlin;
using Json = nlohmann::ordered_json;

/// [step][input, the targets last]
using Batches = std::vector<std::vector<Tensor>>;

Batches load_batches(const fs::path& folder, const Json& run) {
  Batches out(run.at("steps"));
  for (size_t k = 0; k < out.size(); ++k)
    for (size_t i = 0; i <= run.at("inputs").get<size_t>(); ++i)
      out[k].push_back(load_npy(folder / fmt::format("batch_{}_{}.npy", k, i)));
  return out;
}

/// The model's graph for inputs of these sizes; the batch, where it is symbolic, stays open.
Graph load_source(const fs::path& folder, const std::vector<Tensor>& inputs) {
  Model model = load_onnx(folder / "model.onnx");
  hold_constants(model);
  Graph g = inline_functions(model);
  check_supported(g);
  untie_initializers(g);
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    Shape& shape = *g.values[static_cast<size_t>(g.inputs[i])].type.shape;
    for (int d = 0; d < shape.rank(); ++d) {
      const bool batch = shape[d] < -1 && g.symbols[static_cast<size_t>(-2 - shape[d])] == "N";
      if (!batch) shape[d] = inputs[i].shape()[d];
    }
  }
  return g;
}

std::span<float> floats(Tensor& t) { return {t.data<float>(), static_cast<size_t>(t.num_elements())}; }

class Run {
 public:
  Run(const Graph& source, const std::string& loss, const std::vector<std::string>& frozen)
      : graph_(make_train_graph(source, {.loss = loss, .frozen = frozen})) {
    SessionOptions options{.pool = pool_, .variables = graph_.weights};
    options.variables.insert(options.variables.end(), graph_.statistics.begin(), graph_.statistics.end());
    session_ = std::make_unique<Session>(graph_.graph, std::move(options));
  }

  Json train(const Batches& batches, const Json& run, const Json& strides) {
    const OptimizerChoice choice = parse_optimizer(run.at("optimizer"));
    std::vector<std::vector<Tensor>> states(graph_.weights.size());
    for (size_t i = 0; i < states.size(); ++i)
      for (size_t k = 0; k < choice.optimizer->state.size(); ++k) {
        const Tensor& w = session_->variable(graph_.weights[i]);
        states[i].emplace_back(w.format(), w.shape());
      }
    Json losses = Json::array(), first;
    const double start = monotonic_seconds();
    for (size_t step = 0; step < batches.size(); ++step) {
      std::vector<Tensor> out = session_->run(batches[step], {.seed = 1, .training = true});
      losses.push_back(to_scalar(out[0]));
      for (size_t i = 0; i < graph_.weights.size(); ++i) {
        std::vector<std::span<float>> state;
        for (Tensor& t : states[i]) state.push_back(floats(t));
        choice.optimizer->step({floats(session_->variable(graph_.weights[i])),
                                floats(out[graph_.gradient_of[i]]), state, static_cast<int64_t>(step) + 1,
                                run.at("learning_rate"), choice.options, *pool_, best_isa()});
      }
      for (size_t i = 0; i < graph_.statistics.size(); ++i)
        std::ranges::copy(floats(out[out.size() - graph_.statistics.size() + i]),
                          floats(session_->variable(graph_.statistics[i])).begin());
      if (step == 0) first = sample(strides);
    }
    const double seconds = monotonic_seconds() - start;
    Json untrained = Json::array();
    for (const Untrained& u : graph_.untrained) untrained.push_back({{"weight", u.weight}, {"why", u.why}});
    return {{"losses", losses},
            {"first", first},
            {"after", sample(strides)},
            {"untrained", untrained},
            {"seconds", seconds}};
  }

 private:
  /// Every so manieth element of what training moves.
  Json sample(const Json& strides) {
    Json out = Json::object();
    for (const auto* names : {&graph_.weights, &graph_.statistics})
      for (const std::string& name : *names) {
        if (!strides.contains(name)) continue;
        const std::span<float> values = floats(session_->variable(name));
        for (size_t e = 0; e < values.size(); e += strides.at(name).get<size_t>())
          out[name].push_back(values[e]);
      }
    return out;
  }

  std::shared_ptr<ThreadPool> pool_ = std::make_shared<ThreadPool>(2);
  TrainGraph graph_;
  std::unique_ptr<Session> session_;
};

Json train(const fs::path& folder) {
  const Json run = Json::parse(std::ifstream(folder / "run.json"));
  const Batches batches = load_batches(folder, run);
  const Graph source = load_source(folder, batches[0]);
  const auto parameters = run.at("parameters").get<std::vector<std::string>>();
  std::vector<std::string> frozen;  // its older exporter does not tell PyTorch's buffers from weights
  for (const std::string& name : trainable_weights(source))
    if (std::ranges::find(parameters, name) == parameters.end()) frozen.push_back(name);
  Json out{{"frozen", frozen}, {"runs", Json::array()}};
  for (const Json& r : run.at("runs"))
    out["runs"].push_back(Run(source, run.at("loss"), frozen).train(batches, r, run.at("strides")));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: train_models OUT NAME ...\n");
    return 2;
  }
  for (int i = 2; i < argc; ++i) {
    const fs::path folder = fs::path(argv[1]) / argv[i];
    Json out;
    try {
      out = train(folder);
    } catch (const std::exception& e) {
      out = {{"error", e.what()}};
    }
    const std::string text = out.dump();
    system_files().write_atomic(folder / "dunlin.json", std::as_bytes(std::span(text)));
  }
}
