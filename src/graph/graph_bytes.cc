#include "graph/graph_bytes.h"

#include "base/error.h"

namespace dunlin {

uint64_t bytes_of(const Node& n) {
  uint64_t bytes = sizeof(Node) + n.op.size() + n.domain.size() + n.name.size() + n.doc_string.size() +
                   sizeof(ValueId) * (n.inputs.size() + n.outputs.size());
  for (const auto& [name, value] : n.attributes) {
    bytes += sizeof(value) + name.size();
    if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) bytes += ints->size() * sizeof(int64_t);
    if (const auto* floats = std::get_if<std::vector<float>>(&value)) bytes += floats->size() * sizeof(float);
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
      for (const std::string& t : *texts) bytes += sizeof t + t.size();
    if (const auto* sub = std::get_if<GraphPtr>(&value)) bytes += bytes_of(**sub);
  }
  return bytes;
}

uint64_t bytes_of(const Graph& g) {
  uint64_t bytes = sizeof(Graph);
  for (const Value& v : g.values) bytes += sizeof v + v.name.size();
  for (const Node& n : g.nodes) bytes += bytes_of(n);
  return bytes;
}

namespace {
void add_tensors(const Graph& g, std::unordered_set<const Tensor*>& out) {
  for (const auto& [v, tensor] : g.initializers) out.insert(tensor.get());
  for (const Node& n : g.nodes)
    for (const auto& [name, value] : n.attributes) {
      if (const auto* tensor = std::get_if<TensorPtr>(&value)) out.insert(tensor->get());
      if (const auto* sub = std::get_if<GraphPtr>(&value)) add_tensors(**sub, out);
    }
}
}  // namespace

std::unordered_set<const Tensor*> tensors_of(const Graph& g) {
  std::unordered_set<const Tensor*> out;
  add_tensors(g, out);
  out.erase(nullptr);
  return out;
}

uint64_t bytes_of_tensors(const Graph& g, const std::unordered_set<const Tensor*>& counted) {
  uint64_t bytes = 0;
  for (const Tensor* t : tensors_of(g))
    if (!counted.contains(t)) bytes += t->num_bytes();
  return bytes;
}

void check_model_bytes(uint64_t bytes, uint64_t limit) {
  if (bytes > limit)
    fail(ErrorCode::kResourceExhausted,
         "the model takes {} bytes of memory, {} may be used (SessionOptions::max_bytes, --max-memory)",
         bytes, limit);
}

}  // namespace dunlin
