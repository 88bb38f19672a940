#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/text.h"
#include "graph/exporter_parameters.h"
#include "graph/inspect.h"

namespace dunlin {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const std::vector<Inspection::Port>& ports) {
  Json list = Json::array();
  for (const Inspection::Port& p : ports) {
    Json shape = Json::array();
    for (const std::string& d : p.shape) {
      // Sizes are numbers, names and "?" stay text.
      if (d.find_first_not_of("0123456789") == std::string::npos)
        shape.push_back(std::stoll(d));
      else
        shape.push_back(d);
    }
    list.push_back({{"name", p.name}, {"type", p.format}, {"shape", p.rank_known ? shape : Json(nullptr)}});
  }
  return list;
}

std::string with_commas(uint64_t n) {
  std::string s = std::to_string(n);
  for (size_t i = s.size(); i > 3; i -= 3) s.insert(i - 3, ",");
  return s;
}

Json to_json(const std::vector<Inspection::Part>& parts, const char* name) {
  Json list = Json::array();
  for (const Inspection::Part& p : parts) list.push_back({{name, p.name}, {"why", p.why}});
  return list;
}

std::string unsupported_text(const std::vector<Unsupported>& parts) {
  std::string s;
  for (const UnsupportedGroup& g : by_op(parts))
    s += fmt::format("{:<12}{}\n", s.empty() ? "cannot run" : "", g.sentence());
  return s;
}

std::string training_text(const Inspection& i) {
  if (!i.trainable) {
    std::string s = fmt::format("{:<12}no: {}\n", "trainable", i.trainable_why_not);
    for (size_t k = 1; k < i.without_gradient.size(); ++k)
      s += fmt::format("{:<12}nor {}\n", "", i.without_gradient[k].name);
    return s;
  }
  std::string s =
      fmt::format("{:<12}yes: {} of {} parameters, in {} weights (--json names them)\n", "trainable",
                  with_commas(i.trainable_parameters), with_commas(i.parameters), i.weights.size());
  const auto fed = [](const Inspection::Port& p) {
    return p.format == "f32" || p.format == "i64" || p.format == "i32";
  };
  if (i.inputs.size() != 1 || !fed(i.inputs[0]))
    s += fmt::format("{:<12}by the library: `dunlin train` feeds one input, of f32, i64 or i32\n", "");
  if (!i.constants.empty())
    s += fmt::format("{:<12}not constants and buffers of PyTorch's exporter: {}, of {} numbers\n", "",
                     i.constants.size(), with_commas(i.constant_elements));
  if (i.batch_norm_folded)
    s += fmt::format(
        "{:<12}not BatchNormalization: the exporter folded it away; export with optimize=False\n", "");
  constexpr size_t kShown = 3;
  for (size_t k = 0; k < std::min(kShown, i.untrained.size()); ++k)
    s += fmt::format("{:<12}not \"{}\": {}\n", "", i.untrained[k].name, i.untrained[k].why);
  if (i.untrained.size() > kShown)
    s += fmt::format("{:<12}nor {} other weights (--json lists them)\n", "", i.untrained.size() - kShown);
  return s;
}

void to_one_line(std::string& text) { text = one_line(std::move(text)); }

template <typename T>
std::map<std::string, T> with_keys_on_one_line(const std::map<std::string, T>& map) {
  std::map<std::string, T> out;
  for (const auto& [key, value] : map) {
    if constexpr (std::is_same_v<T, std::string>)
      out.emplace(one_line(key), one_line(value));
    else
      out.emplace(one_line(key), value);
  }
  return out;
}

Inspection on_one_line_each(Inspection i) {
  for (auto* ports : {&i.inputs, &i.outputs})
    for (Inspection::Port& p : *ports) {
      to_one_line(p.name);
      std::ranges::for_each(p.shape, to_one_line);
    }
  for (auto* parts : {&i.without_gradient, &i.untrained})
    for (Inspection::Part& p : *parts) {
      to_one_line(p.name);
      to_one_line(p.why);
    }
  for (Unsupported& u : i.unsupported)
    for (std::string* s : {&u.op, &u.domain, &u.node, &u.reason}) to_one_line(*s);
  for (std::string* s : {&i.producer, &i.task, &i.macs_why_not, &i.trainable_why_not}) to_one_line(*s);
  for (auto* list : {&i.functions, &i.symbols}) std::ranges::for_each(*list, to_one_line);
  i.ops = with_keys_on_one_line(i.ops);
  i.metadata = with_keys_on_one_line(i.metadata);
  i.external_bytes = with_keys_on_one_line(i.external_bytes);
  return i;
}

std::string ports_text(const char* title, const std::vector<Inspection::Port>& ports) {
  std::string s;
  for (const Inspection::Port& p : ports)
    s += fmt::format("{:<12}{} {}{}\n", &p == &ports.front() ? title : "", p.name, p.format,
                     p.rank_known ? fmt::format("[{}]", fmt::join(p.shape, ",")) : "[...]");
  return s;
}

}  // namespace

std::string to_json(const Inspection& i) {
  Json out;
  out["ir_version"] = i.ir_version;
  out["opsets"] = Json::object();
  for (const auto& [domain, version] : i.opsets) out["opsets"][domain.empty() ? "ai.onnx" : domain] = version;
  out["producer"] = i.producer;
  out["inputs"] = to_json(i.inputs);
  out["outputs"] = to_json(i.outputs);
  out["symbols"] = i.symbols;
  out["nodes"] = i.nodes;
  out["ops"] = i.ops;
  out["functions"] = i.functions;
  out["parameters"] = i.parameters;
  out["weight_bytes"] = i.weight_bytes;
  out["bytes_by_format"] = i.bytes_by_format;
  out["external_bytes"] = Json::object();
  for (const auto& [file, bytes] : i.external_bytes) out["external_bytes"][file] = bytes;
  out["macs"] = i.macs ? Json(*i.macs) : Json(nullptr);
  out["macs_shapes"] = Json::object();
  for (const auto& [name, shape] : i.macs_shapes) out["macs_shapes"][name] = shape.dims();
  if (!i.macs) out["macs_why_not"] = i.macs_why_not;
  out["trainable"] = i.trainable;
  if (!i.trainable) out["trainable_why_not"] = i.trainable_why_not;
  out["trainable_parameters"] = i.trainable_parameters;
  out["weights"] = i.weights;
  out["constants"] = i.constants;
  out["batch_norm_folded"] = i.batch_norm_folded;
  out["without_gradient"] = to_json(i.without_gradient, "node");
  out["untrained"] = to_json(i.untrained, "weight");
  out["metadata"] = i.metadata;
  out["runs"] = i.unsupported.empty();
  out["unsupported"] = Json::array();
  for (const Unsupported& u : i.unsupported)
    out["unsupported"].push_back({{"op", u.op}, {"node", u.node}, {"reason", u.reason}});
  out["unsupported_ops"] = Json::array();
  for (const UnsupportedGroup& o : by_op(i.unsupported))
    if (!o.first.op.empty())
      out["unsupported_ops"].push_back({{"op", o.first.op},
                                        {"domain", o.first.domain.empty() ? "ai.onnx" : o.first.domain},
                                        {"opset", o.first.opset},
                                        {"nodes", o.nodes},
                                        {"first", o.first.node},
                                        {"reason", o.first.reason}});
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Inspection& inspection) {
  const Inspection i = on_one_line_each(inspection);
  std::string s = ports_text("inputs", i.inputs) + ports_text("outputs", i.outputs);
  if (!i.symbols.empty())
    s += fmt::format("{:<12}{}: open until a run; --shape NAME=1x2x3 fixes an input's\n", "sizes",
                     fmt::join(i.symbols, ", "));
  if (!i.task.empty()) s += fmt::format("{:<12}{}\n", "task", i.task);
  s += i.unsupported.empty() ? fmt::format("{:<12}yes\n", "runs") : unsupported_text(i.unsupported);
  s += training_text(i);
  std::string bytes;
  for (const auto& [format, n] : i.bytes_by_format)
    bytes += fmt::format("{}{} {}", bytes.empty() ? "" : ", ", format, human_bytes(n));
  s += fmt::format("{:<12}{}{}\n", "parameters", with_commas(i.parameters),
                   bytes.empty() ? "" : " (" + bytes + ")");
  for (const auto& [file, n] : i.external_bytes)
    s += fmt::format("{:<12}{} of that in \"{}\"\n",
                     &file == &i.external_bytes.begin()->first ? "external" : "", human_bytes(n), file);
  if (i.macs) {
    std::string shapes;
    for (const auto& [name, shape] : i.macs_shapes)
      shapes += fmt::format("{}{} {}", shapes.empty() ? "" : ", ", name, to_string(shape));
    s += fmt::format("{:<12}{} for {}\n", "MACs", with_commas(*i.macs), shapes);
  } else {
    s += fmt::format("{:<12}not counted: {}\n", "MACs", i.macs_why_not);
  }
  std::vector<std::pair<int, std::string>> ops;
  for (const auto& [op, n] : i.ops) ops.emplace_back(-n, op);
  std::sort(ops.begin(), ops.end());
  std::string names;
  for (const auto& [n, op] : ops) names += fmt::format("{}{} {}", names.empty() ? "" : ", ", -n, op);
  s += fmt::format("{:<12}{}: {}\n", "nodes", i.nodes, names);
  if (!i.functions.empty()) s += fmt::format("{:<12}{}\n", "functions", fmt::join(i.functions, ", "));
  std::string opsets;
  for (const auto& [domain, version] : i.opsets)
    opsets +=
        fmt::format("{}{} {}", opsets.empty() ? "" : ", ", domain.empty() ? "ai.onnx" : domain, version);
  s += fmt::format("{:<12}{}, IR version {}{}\n", "opset", opsets, i.ir_version,
                   i.producer.empty() ? "" : ", made by " + i.producer);
  bool first = true;
  for (const auto& [key, value] : i.metadata) {
    if (!i.task.empty() && key.starts_with("dunlin.task.")) continue;  // said already
    if (key == kGraphSignature) continue;                              // likewise
    s += fmt::format("{:<12}{} = {}\n", first ? "metadata" : "", key, value);
    first = false;
  }
  return s;
}

}  // namespace dunlin
