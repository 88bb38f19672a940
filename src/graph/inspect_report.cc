#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
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
  out["nodes"] = i.nodes;
  out["ops"] = i.ops;
  out["functions"] = i.functions;
  out["parameters"] = i.parameters;
  out["weight_bytes"] = i.weight_bytes;
  out["bytes_by_format"] = i.bytes_by_format;
  out["macs"] = i.macs ? Json(*i.macs) : Json(nullptr);
  out["macs_shapes"] = Json::object();
  for (const auto& [name, shape] : i.macs_shapes) out["macs_shapes"][name] = shape.dims();
  if (!i.macs) out["macs_why_not"] = i.macs_why_not;
  out["trainable"] = i.trainable;
  if (!i.trainable) out["trainable_why_not"] = i.trainable_why_not;
  out["metadata"] = i.metadata;
  out["runs"] = i.unsupported.empty();
  out["unsupported"] = Json::array();
  for (const Unsupported& u : i.unsupported)
    out["unsupported"].push_back({{"op", u.op}, {"node", u.node}, {"reason", u.reason}});
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Inspection& i) {
  std::string s = ports_text("inputs", i.inputs) + ports_text("outputs", i.outputs);
  std::string opsets;
  for (const auto& [domain, version] : i.opsets)
    opsets +=
        fmt::format("{}{} {}", opsets.empty() ? "" : ", ", domain.empty() ? "ai.onnx" : domain, version);
  s += fmt::format("{:<12}{}, IR version {}{}\n", "opset", opsets, i.ir_version,
                   i.producer.empty() ? "" : ", made by " + i.producer);
  std::vector<std::pair<int, std::string>> ops;
  for (const auto& [op, n] : i.ops) ops.emplace_back(-n, op);
  std::sort(ops.begin(), ops.end());
  std::string names;
  for (const auto& [n, op] : ops) names += fmt::format("{}{} {}", names.empty() ? "" : ", ", -n, op);
  s += fmt::format("{:<12}{}: {}\n", "nodes", i.nodes, names);
  if (!i.functions.empty()) s += fmt::format("{:<12}{}\n", "functions", fmt::join(i.functions, ", "));
  std::string bytes;
  for (const auto& [format, n] : i.bytes_by_format)
    bytes += fmt::format("{}{} {}", bytes.empty() ? "" : ", ", format, human_bytes(n));
  s += fmt::format("{:<12}{}{}\n", "parameters", with_commas(i.parameters),
                   bytes.empty() ? "" : " (" + bytes + ")");
  if (i.macs) {
    std::string shapes;
    for (const auto& [name, shape] : i.macs_shapes)
      shapes += fmt::format("{}{} {}", shapes.empty() ? "" : ", ", name, to_string(shape));
    s += fmt::format("{:<12}{} for {}\n", "MACs", with_commas(*i.macs), shapes);
  } else {
    s += fmt::format("{:<12}not counted: {}\n", "MACs", i.macs_why_not);
  }
  s += fmt::format("{:<12}{}\n", "trainable", i.trainable ? "yes" : "no: " + i.trainable_why_not);
  for (const auto& [key, value] : i.metadata)
    s += fmt::format("{:<12}{} = {}\n", &key == &i.metadata.begin()->first ? "metadata" : "", key, value);
  if (i.unsupported.empty()) return s + fmt::format("{:<12}yes\n", "runs");
  for (const Unsupported& u : i.unsupported)
    s += fmt::format("{:<12}{}\n", &u == &i.unsupported.front() ? "cannot run" : "", u.reason);
  return s;
}

}  // namespace dunlin
