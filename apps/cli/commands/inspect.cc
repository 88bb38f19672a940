// dunlin inspect: what a model is, what it needs, what of it can be trained.
#include "graph/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "command.h"
#include "graph/dot.h"
#include "graph/onnx/import.h"
#include "graph/op.h"
#include "graph/passes/inline_functions.h"
#include "graphviz.h"
#include "learn/task.h"
#include "shapes.h"

namespace dunlin::cli {

namespace {

Result list_ops() {
  Result result;
  result.json["ops"] = Json::array();
  for (const OpDef* op : all_ops()) {
    if (op->domain == kDunlinDomain) continue;
    const OpDef* oldest = op;
    while (oldest->older) oldest = oldest->older;
    const std::string name =
        op->domain.empty() ? std::string(op->name) : fmt::format("{}.{}", op->domain, op->name);
    result.json["ops"].push_back(
        {{"name", name}, {"since", oldest->since}, {"gradient", op->gradient != nullptr}});
    result.text += fmt::format("{:<33} from opset {:>2}{}\n", name, oldest->since,
                               op->gradient         ? "  gradient"
                               : op->stops_gradient ? ""
                                                    : "  no gradient");
  }
  return result;
}

Json to_json(const Task& t) {
  constexpr const char* kChannels[] = {"gray", "rgb", "bgr"};
  return {{"input", t.input.dims()},
          {"layout", t.layout == Task::Layout::kNhwc ? "NHWC" : "NCHW"},
          {"channels", kChannels[static_cast<size_t>(t.channels)]},
          {"scale", t.scale},
          {"mean", t.mean},
          {"std", t.std},
          {"labels", t.labels},
          {"loss", t.loss},
          {"metric", t.metric}};
}

/// "images 28x28 gray, pixel * 0.00392, - 0.13, / 0.31; 10 classes: 0, 1, ...; loss ce, metric accuracy"
std::string in_words(const Task& t) {
  const Json j = to_json(t);
  const bool last = t.layout == Task::Layout::kNhwc;
  std::string s;
  if (t.input.rank() == 3)
    s = fmt::format("images of {}x{} pixels (height x width), {}, channels {}", t.input[last ? 0 : 1],
                    t.input[last ? 1 : 2], j["channels"].get<std::string>(), last ? "last" : "first");
  else
    s = fmt::format("samples of {}", to_string(t.input));
  if (t.scale != 1) s += fmt::format(", times {:.6g}", t.scale);
  if (!t.mean.empty()) s += fmt::format(", less {:.6g}", fmt::join(t.mean, ", "));
  if (!t.std.empty()) s += fmt::format(", divided by {:.6g}", fmt::join(t.std, ", "));
  if (!t.labels.empty()) {
    constexpr size_t kShown = 5;
    const size_t shown = std::min(kShown, t.labels.size());
    s += fmt::format("; {} classes: {}{}", t.labels.size(),
                     fmt::join(t.labels.begin(), t.labels.begin() + static_cast<ptrdiff_t>(shown), ", "),
                     shown < t.labels.size() ? ", ..." : "");
  }
  return s + fmt::format("; loss {}, metric {}", t.loss, t.metric);
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    std::string model, graph;
    std::vector<std::string> shapes;
    bool ops = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(
      app, "inspect", "Show a model's inputs, outputs, ops, size, and what can be trained",
      "dunlin inspect model.onnx --graph model.svg", [o](const Common& common) -> Result {
        if (o->ops) return list_ops();
        if (o->model.empty()) throw CLI::RequiredError("model");
        if (!o->graph.empty()) check_drawing(o->graph);
        std::map<std::string, uint64_t> external;
        const Model model = load_onnx(o->model, {}, &external);
        Inspection i = inspect(model, parse_shapes(o->shapes));
        i.external_bytes = std::move(external);
        const std::optional<Task> task = read_task(model.metadata, o->model);
        if (task) i.task = in_words(*task);
        Result result{Json::parse(to_json(i)), to_text(i)};
        result.json["task"] = task ? to_json(*task) : Json(nullptr);
        if (o->graph.empty()) return result;
        const Graph graph = inline_functions(model);
        draw(to_dot(graph, i.unsupported), o->graph, graph.nodes.size() > kMostForGraphviz, common.quiet);
        result.json["graph"] = o->graph;
        result.text += fmt::format("graph       {}\n", o->graph);
        return result;
      });
  c->add_option("model", o->model, "ONNX file");
  c->add_option("--graph", o->graph, "Draw the graph: FILE.svg, .png, .pdf, or .dot for its text")
      ->type_name("FILE");
  c->add_option("--shape", o->shapes, "NAME=1x3x224x224: the size that MACs are counted for")->take_all();
  c->add_flag("--ops", o->ops, "List the ops that Dunlin has instead");
}

}  // namespace dunlin::cli
