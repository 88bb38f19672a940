// Writes one-node models for ONNX Runtime: every op of the catalog that ONNX has, from its samples with other sizes,
// attributes, element types and opsets, random inputs and our outputs beside them. compare_random_ops.cjs runs them.
//   random_op_models OUT SEED CASES-PER-SAMPLE
//   OUT/cases.json, OUT/data: models and .npy files, one behind the other, where the cases say
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/random.h"
#include "dunlin/session.h"
#include "graph/onnx/export.h"
#include "graph/sample.h"
#include "random_attributes.h"
#include "tensor/formats.h"
#include "tensor/npy.h"

namespace {

namespace fs = std::filesystem;
using namespace dunlin;
using Json = nlohmann::ordered_json;

int64_t draw(Philox& rng, int64_t lo, int64_t hi) {
  return lo + static_cast<int64_t>(rng.uniform_double() * static_cast<double>(hi - lo + 1));
}

/// The same inputs with other sizes: equal sizes stay equal, 1 stays 1 and so broadcasts, and what values in braces
/// count or ask for stays.
std::string other_sizes(std::string_view inputs, Philox& rng) {
  std::set<std::string> fixed{"0", "1"};
  std::vector<std::string> words;
  for (size_t at = 0; at < inputs.size();) {
    const size_t end = std::min(inputs.find(' ', at), inputs.size());
    words.emplace_back(inputs.substr(at, end - at));
    at = end + 1;
  }
  const auto dims_of = [](const std::string& word) {
    std::vector<std::string> dims;
    const size_t open = word.find('['), close = word.find(']');
    if (open == std::string::npos || word.find('{') < open) return dims;
    for (size_t at = open + 1; at < close;) {
      const size_t end = std::min(word.find(',', at), close);
      dims.push_back(word.substr(at, end - at));
      at = end + 1;
    }
    return dims;
  };
  for (const std::string& word : words)
    if (word.find('{') != std::string::npos)
      for (const std::string& d : dims_of(word)) fixed.insert(d);
  std::map<std::string, std::string> to;
  std::string out;
  for (const std::string& word : words) {
    out += out.empty() ? "" : " ";
    const std::vector<std::string> dims = dims_of(word);
    if (dims.empty() || word.find('{') != std::string::npos) {
      out += word;
      continue;
    }
    out += word.substr(0, word.find('[') + 1);
    for (size_t i = 0; i < dims.size(); ++i) {
      std::string& size = to[dims[i]];
      if (size.empty()) size = fixed.contains(dims[i]) ? dims[i] : std::to_string(draw(rng, 2, 7));
      out += (i ? "," : "") + size;
    }
    out += word.substr(word.find(']'));
  }
  return out;
}

/// How far a case departs from its sample. What does not fit each other is refused, and a tamer case is tried.
struct Wildness {
  bool sizes, attributes, opset, format;
};

class Generator {
 public:
  Generator(fs::path out, uint64_t seed) : out_(std::move(out)), seed_(seed) {}

  /// Nothing when Dunlin itself refuses each attempt.
  void add(const OpDef& op, size_t sample, uint64_t number) {
    Philox rng(seed_, number * 64 + 1);
    for (const Wildness wild : {Wildness{true, true, true, true}, Wildness{true, true, false, true},
                                Wildness{true, true, false, false}, Wildness{false, true, false, false},
                                Wildness{true, false, true, false}, Wildness{true, false, false, false},
                                Wildness{false, false, false, false}})
      if (attempt(op, op.samples[sample], wild, rng)) return;
    ++refused_;
  }

  void finish() const {
    system_files().write_atomic(out_ / "data", data_);
    system_files().write_atomic(out_ / "cases.json", as_bytes(cases_.dump(1)));
  }
  size_t written() const { return cases_.size(); }
  size_t refused() const { return refused_; }

 private:
  bool attempt(const OpDef& op, const Sample& sample, Wildness wild, Philox& rng) {
    constexpr Format kFloats[] = {nullptr, nullptr, nullptr, &formats::kF64, &formats::kF16};
    const std::string inputs = wild.sizes ? other_sizes(sample.inputs, rng) : std::string(sample.inputs);
    const Sample resized{sample.attributes, inputs, sample.opset, sample.outputs};
    const Format floats = wild.format ? kFloats[draw(rng, 0, 4)] : nullptr;
    SampleCase s;
    try {
      s = make_sample(op, resized, static_cast<uint64_t>(draw(rng, 0, 1 << 30)), floats);
      if (wild.attributes) peers::vary_attributes(s.graph, rng);
    } catch (const Error&) {
      return false;
    }
    constexpr int kOldest = 7;  // what ONNX Runtime promises to read
    // A sample of an older opset is in words that newer ones may not have, and older ones may not have those of newer.
    if (wild.opset && op.domain.empty() && sample.opset >= kOldest && draw(rng, 0, 1))
      s.graph.opsets[""] = static_cast<int>(draw(rng, std::max(kOldest, op.since), sample.opset));
    return write(op, std::move(s));
  }

  /// Also what Dunlin refuses: ONNX Runtime must refuse it too. Whether Dunlin ran it.
  bool write(const OpDef& op, SampleCase s) {
    std::string attributes;
    for (const auto& [name, value] : s.graph.nodes[0].attributes)
      attributes += fmt::format("{}={} ", name, peers::attribute_text(value));
    Json entry = {
        {"op", op.name}, {"opset", s.graph.opsets[std::string(op.domain)]}, {"attributes", attributes}};
    Json& operands = entry["operands"] = Json::array();
    for (ValueId v : s.graph.nodes[0].inputs)
      operands.push_back(v == kNoValue ? "_" : operand_text(s.graph, v));
    std::vector<Tensor> outputs;
    try {
      Session session(std::make_shared<const Graph>(s.graph));
      outputs = session.run(s.inputs);
    } catch (const Error& e) {
      entry["refused"] = {{"code", to_string(e.code())}, {"why", e.what()}};
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      Type& type = s.graph.values[static_cast<size_t>(s.graph.outputs[i])].type;
      type.format = outputs[i].format();
    }
    const bool ran = !entry.contains("refused");
    try {
      entry["inputs"] = write_tensors(s.graph, s.graph.inputs, s.inputs);
      if (ran) entry["outputs"] = write_tensors(s.graph, s.graph.outputs, outputs);
      Model model;
      model.ir_version = 10;
      model.graph = std::move(s.graph);
      entry["model"] = place(serialize_onnx(model));
    } catch (const Error&) {
      return false;  // a type that .npy or ONNX does not have
    }
    cases_.push_back(std::move(entry));
    return ran;
  }

  /// As in a sample: "f32[2,3]" of an input, "i64[2]{1,0}" of a constant.
  static std::string operand_text(const Graph& g, ValueId v) {
    const Tensor* t = g.initializer(v);
    if (!t) return to_string(g.type(v));
    std::string values;
    constexpr int64_t kShown = 64;
    const Tensor floats = t->to_float();
    for (int64_t i = 0; i < std::min(floats.num_elements(), kShown); ++i)
      values += fmt::format("{}{}", i ? "," : "", floats.data<float>()[i]);
    return fmt::format("{}{}{{{}{}}}", t->format()->name, to_string(t->shape()), values,
                       floats.num_elements() > kShown ? ",..." : "");
  }

  Json write_tensors(const Graph& g, const std::vector<ValueId>& values, std::span<const Tensor> tensors) {
    Json list = Json::array();
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].format() == &formats::kBF16 || tensors[i].format()->narrow)
        fail(ErrorCode::kUnsupported, ".npy has no {}", tensors[i].format()->name);
      list.push_back({{"name", g.value_name(values[i])},
                      {"npy", place(to_npy(tensors[i]))},
                      {"shape", to_string(tensors[i].shape())},
                      {"format", tensors[i].format()->name}});
    }
    return list;
  }

  /// [offset, bytes] in the file `data`.
  Json place(const Bytes& bytes) {
    data_.insert(data_.end(), bytes.begin(), bytes.end());
    return {data_.size() - bytes.size(), bytes.size()};
  }

  fs::path out_;
  uint64_t seed_;
  Bytes data_;
  Json cases_ = Json::array();
  size_t refused_ = 0;
};

/// ONNX Runtime has no ops of ours, and none of the training domain.
bool compared(const OpDef& op) { return op.domain.empty() || op.domain == "ai.onnx.ml"; }

int run(const fs::path& out, uint64_t seed, uint64_t per_sample) {
  fs::remove_all(out);
  fs::create_directories(out);
  Generator generator(out, seed);
  uint64_t number = 0;
  for (const OpDef* newest : all_ops())
    for (const OpDef* op = newest; op; op = op->older)
      for (size_t i = 0; compared(*op) && i < op->samples.size(); ++i)
        for (uint64_t k = 0; k < per_sample; ++k) generator.add(*op, i, ++number);
  generator.finish();
  std::printf("seed %llu: %zu models, %zu drafts that do not fit together\n",
              static_cast<unsigned long long>(seed), generator.written(), generator.refused());
  return generator.written() > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: random_op_models OUT SEED CASES-PER-SAMPLE\n");
    return 2;
  }
  try {
    return run(argv[1], std::stoull(argv[2]), std::stoull(argv[3]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
