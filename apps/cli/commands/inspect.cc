// dunlin inspect: what a model is, what it needs, what of it can be trained.
#include "graph/inspect.h"

#include <fmt/format.h>

#include "command.h"
#include "graph/dot.h"
#include "graph/onnx/import.h"
#include "graph/op.h"
#include "graph/passes/inline_functions.h"
#include "graphviz.h"

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

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    std::string model, graph;
    bool ops = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* c =
      add_command(app, "inspect", "Show a model's inputs, outputs, ops, size, and what can be trained",
                  "dunlin inspect model.onnx --graph model.svg", [o](const Common&) -> Result {
                    if (o->ops) return list_ops();
                    if (o->model.empty()) throw CLI::RequiredError("model");
                    if (!o->graph.empty()) check_drawing(o->graph);
                    const Model model = load_onnx(o->model);
                    const Inspection i = inspect(model);
                    Result result{Json::parse(to_json(i)), to_text(i)};
                    if (o->graph.empty()) return result;
                    draw(to_dot(inline_functions(model), i.unsupported), o->graph);
                    result.json["graph"] = o->graph;
                    result.text += fmt::format("graph       {}\n", o->graph);
                    return result;
                  });
  c->add_option("model", o->model, "ONNX file");
  c->add_option("--graph", o->graph, "Draw the graph: FILE.svg, .png, .pdf, or .dot for its text")
      ->type_name("FILE");
  c->add_flag("--ops", o->ops, "List the ops that Dunlin has instead");
}

}  // namespace dunlin::cli
