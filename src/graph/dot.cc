#include "graph/dot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "graph/infer.h"

namespace dunlin {

namespace {

constexpr size_t kLongestName = 60;  // bytes; a picture is no place for more

/// A quoted string of the DOT language. Names are the file's: they may hold anything that is UTF-8.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.substr(i).starts_with("\xef\xbf\xbe") || text.substr(i).starts_with("\xef\xbf\xbf"))
      out += '?', i += 2;  // U+FFFE and U+FFFF: XML has no such characters
    else if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (c == '&')  // Graphviz would take what follows for an entity
      out += "&amp;";
    else if (c == '\n')
      out += "\\n";
    else
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + '"';
}

std::string shortened(const std::string& name) {
  if (name.size() <= kLongestName) return name;
  size_t from = name.size() - kLongestName;
  while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xc0) == 0x80)
    ++from;  // whole characters
  return "..." + name.substr(from);
}

class Drawing {
 public:
  Drawing(const Graph& graph, const std::vector<Unsupported>& unsupported)
      : graph_(graph), producer_(producers(graph)) {
    for (const Unsupported& u : unsupported) cannot_run_.insert(fmt::format("{} \"{}\"", u.op, u.node));
    if (graph.nodes.size() > kMostForGraphviz) place();
    if (!unsupported.empty()) return;
    try {
      const Graph inferred = infer_and_fold(graph);
      for (const Value& v : inferred.values) types_.emplace(v.name, v.type);
    } catch (const Error&) {
      // Then the types that the file states.
    }
  }

  std::string text() const {
    std::string out =
        "digraph model {\n"
        "node [shape=box style=\"rounded,filled\" fillcolor=white fontname=\"sans-serif\" fontsize=11]\n"
        "edge [fontname=\"sans-serif\" fontsize=9 color=gray40 fontcolor=gray30]\n";
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      const ValueId v = graph_.inputs[i];
      out += fmt::format("v{} [shape=ellipse label={}{}]\n", v,
                         quoted(shortened(graph_.value_name(v)) + "\n" + type_of(v)), at({i, 0}));
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) out += node(i);
    for (size_t o = 0; o < graph_.outputs.size(); ++o) {
      const ValueId v = graph_.outputs[o];
      out += fmt::format("o{} [shape=ellipse label={}{}]\n", o, quoted(shortened(graph_.value_name(v))),
                         at({o, places_.empty() ? 0 : deepest_ + 1}));
      out += edge(v, fmt::format("o{}", o));
    }
    return out + "}\n";
  }

 private:
  struct Place {
    size_t column, row;
  };
  /// Each node one row below the lowest that it reads, in the next free column: time linear in the graph.
  void place() {
    std::vector<size_t> filled;  // columns of each row
    for (const Node& node : graph_.nodes) {
      size_t row = 1;
      for (ValueId v : node.inputs)
        if (v != kNoValue && producer_[static_cast<size_t>(v)] >= 0)
          if (const size_t p = static_cast<size_t>(producer_[static_cast<size_t>(v)]); p < places_.size())
            row = std::max(row, places_[p].row + 1);
      if (filled.size() <= row) filled.resize(row + 1, 0);
      places_.push_back({filled[row]++, row});
      deepest_ = std::max(deepest_, row);
    }
  }
  std::string at(Place p) const {
    constexpr size_t kColumnPoints = 260, kRowPoints = 110;
    if (places_.empty()) return "";
    return fmt::format(" pos=\"{},{}\"", p.column * kColumnPoints, (deepest_ + 1 - p.row) * kRowPoints);
  }

  std::string type_of(ValueId v) const {
    Type type = graph_.type(v);
    if (const auto it = types_.find(graph_.value_name(v)); it != types_.end() && it->second.shape)
      type = it->second;
    return type.format ? to_string(type) : "";
  }

  std::string edge(ValueId v, const std::string& to) const {
    const int from = producer_[static_cast<size_t>(v)];
    if (from < 0 && graph_.initializer(v)) return "";
    return fmt::format("{}{} -> {} [label={}]\n", from < 0 ? "v" : "n", from < 0 ? v : from, to,
                       quoted(type_of(v)));
  }

  std::string node(size_t i) const {
    const Node& node = graph_.nodes[i];
    std::string label = op_name(node), edges;
    bool has_weights = false;
    for (const auto& [name, attribute] : node.attributes)
      if (const GraphPtr* sub = std::get_if<GraphPtr>(&attribute))
        label += fmt::format("\n{}: {} nodes", name, (*sub)->nodes.size());
    const std::string self = fmt::format("n{}", i);
    for (ValueId v : node.inputs) {
      if (v == kNoValue) continue;
      if (const Tensor* t = graph_.initializer(v)) {
        has_weights |= t->format()->kind == FormatDef::Kind::kFloat && t->num_elements() > 1;
        label += fmt::format("\n{} {}{}", shortened(graph_.value_name(v)), t->format()->name,
                             to_string(t->shape()));
      }
      edges += edge(v, self);
    }
    const char* color = cannot_run(graph_, node) ? "salmon" : has_weights ? "lightblue" : "white";
    return fmt::format("{} [label={} tooltip={} fillcolor={}{}]\n{}", self, quoted(label),
                       quoted(shortened(describe(graph_, node))), color,
                       places_.empty() ? "" : at(places_[i]), edges);
  }

  /// Itself, or something in its subgraphs.
  bool cannot_run(const Graph& g, const Node& node) const {
    if (cannot_run_.contains(describe(g, node))) return true;
    for (const auto& [name, attribute] : node.attributes)
      if (const GraphPtr* sub = std::get_if<GraphPtr>(&attribute))
        for (const Node& inner : (*sub)->nodes)
          if (cannot_run(**sub, inner)) return true;
    return false;
  }

  const Graph& graph_;
  std::vector<int> producer_;
  std::vector<Place> places_;  // of nodes; empty: Graphviz finds them
  size_t deepest_ = 0;
  std::set<std::string> cannot_run_;  // as describe() says them
  std::map<std::string, Type> types_;
};

}  // namespace

std::string to_dot(const Graph& graph, const std::vector<Unsupported>& unsupported) {
  return Drawing(graph, unsupported).text();
}

}  // namespace dunlin
