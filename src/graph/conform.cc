#include "graph/conform.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file_system.h"
#include "graph/evaluate.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensors.h"
#include "graph/ops/cast.h"
#include "graph/passes/inline_functions.h"
#include "graph/support.h"

namespace dunlin {

namespace {

namespace fs = std::filesystem;

/// "" or what differs.
std::string compare_types(const Tensor& got, const Tensor& expected) {
  const std::string g = std::string(got.format()->name) + to_string(got.shape());
  const std::string e = std::string(expected.format()->name) + to_string(expected.shape());
  return g == e ? "" : fmt::format("is {}, expected {}", g, e);
}

std::string compare_values(const Tensor& got, const Tensor& expected, const ConformOptions& o) {
  if (std::string text = compare_types(got, expected); !text.empty()) return text;
  if (expected.format() == &formats::kString) {
    const auto a = got.strings(), b = expected.strings();
    const auto at = std::mismatch(a.begin(), a.end(), b.begin());
    if (at.first == a.end()) return "";
    return fmt::format("element {} is \"{}\", expected \"{}\"", at.first - a.begin(), *at.first, *at.second);
  }
  // A tolerance is for floats of 16 bits and more; others agree code by code, which doubles would not tell: they hold
  // no 64-bit integers, and take -0 for 0. Which code a NaN has is left open.
  const bool exact = expected.format()->kind != FormatDef::Kind::kFloat || expected.format()->narrow;
  const Tensor dense = got.is_row_major() ? got.view() : got.clone();
  const std::byte* const codes[] = {dense.plane(Plane::kPayload).data(),
                                    expected.plane(Plane::kPayload).data()};
  const auto width = static_cast<size_t>(element_bytes(expected.format()));
  const std::vector<double> a = ops::cast_to_doubles(dense), b = ops::cast_to_doubles(expected);
  // The test data's bf16 are cut off, not rounded: one unit in the last place.
  const double rtol = expected.format() == &formats::kBF16 ? std::max(o.rtol, 0x1p-7) : o.rtol;
  const auto same = [&](size_t i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) return true;
    if (exact) return std::memcmp(codes[0] + i * width, codes[1] + i * width, width) == 0;
    return a[i] == b[i] || (std::isfinite(b[i]) && std::fabs(a[i] - b[i]) <= o.atol + rtol * std::fabs(b[i]));
  };
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < a.size(); ++i)
    if (!same(i) && wrong++ == 0) first = i;
  if (wrong == 0) return "";
  return fmt::format("{} of {} elements differ; element {} is {}, expected {}", wrong, a.size(), first,
                     a[first], b[first]);
}

/// Two samples of one distribution: means within six standard errors (one in 5e8 by chance).
std::string compare_statistics(const Tensor& got, const Tensor& expected) {
  if (std::string text = compare_types(got, expected); !text.empty()) return text;
  const auto moments = [](const std::vector<double>& x) {
    double mean = 0, variance = 0;
    for (double v : x) mean += v / static_cast<double>(x.size());
    for (double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    return std::pair{mean, variance};
  };
  const std::vector<double> a = ops::cast_to_doubles(got), b = ops::cast_to_doubles(expected);
  if (a.empty()) return "";
  const auto [mean_a, variance_a] = moments(a);
  const auto [mean_b, variance_b] = moments(b);
  const double error = 6 * std::sqrt((variance_a + variance_b) / static_cast<double>(a.size()));
  if (std::fabs(mean_a - mean_b) <= error) return "";
  return fmt::format("is random with mean {}, expected {} within {}", mean_a, mean_b, error);
}

std::string kind_of(const RunValue& v) {
  if (v.is_nothing()) return "nothing";
  return v.is_sequence() ? fmt::format("a sequence of {}", v.elements().size()) : "a tensor";
}

/// Tensors one by one by `compare`, whatever they are in.
template <typename Compare>
std::string compare_all(const RunValue& got, const RunValue& expected, const Compare& compare) {
  if (kind_of(got) != kind_of(expected))
    return fmt::format("is {}, expected {}", kind_of(got), kind_of(expected));
  if (got.is_tensor()) return compare(got.tensor(), expected.tensor());
  for (size_t i = 0; got.is_sequence() && i < got.elements().size(); ++i)
    if (std::string text = compare(*got.elements()[i], *expected.elements()[i]); !text.empty())
      return fmt::format("element {}: {}", i, text);
  return "";
}

/// Whether the model draws random numbers for these inputs.
bool draws(const Graph& g, std::span<const RunValue> inputs) {
  const auto known = [&](const Node& node, size_t i) -> const Tensor* {
    if (i >= node.inputs.size() || node.inputs[i] == kNoValue) return nullptr;
    for (size_t k = 0; k < g.inputs.size() && k < inputs.size(); ++k)
      if (g.inputs[k] == node.inputs[i]) return inputs[k].is_tensor() ? &inputs[k].tensor() : nullptr;
    return g.initializer(node.inputs[i]);
  };
  return std::any_of(g.nodes.begin(), g.nodes.end(), [&](const Node& node) {
    if (node.op == "Dropout" && g.opset_of(node) >= 12) {
      const Tensor *ratio = known(node, 1), *training = known(node, 2);
      return training && to_scalar(*training) != 0 && (!ratio || to_scalar(*ratio) != 0);
    }
    return node.op == "Bernoulli" || node.op == "Multinomial" || node.op.starts_with("RandomUniform") ||
           node.op.starts_with("RandomNormal");
  });
}

std::vector<RunValue> load_values(const fs::path& folder, const char* stem, const Graph& g,
                                  const std::vector<ValueId>& values) {
  std::vector<RunValue> loaded;
  for (size_t i = 0;; ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", stem, i);
    if (!fs::exists(path)) break;
    RunValue v = onnx::load_value_file(path, i < values.size() ? g.type(values[i]) : Type{});
    // The test data hold bf16 as u16, because NumPy has no bf16.
    if (i < values.size() && g.type(values[i]).format == &formats::kBF16 && v.is_tensor() &&
        v.format() == &formats::kU16) {
      Tensor bf16(&formats::kBF16, v.tensor().shape());
      std::ranges::copy(v.tensor().plane(Plane::kPayload), bf16.plane(Plane::kPayload).begin());
      v = std::move(bf16);
    }
    loaded.push_back(std::move(v));
  }
  if (loaded.size() != values.size())
    fail(ErrorCode::kInvalidArgument, "{} has {} {} files, the model has {}", folder.filename().string(),
         loaded.size(), stem, values.size());
  return loaded;
}

bool contradicts(const Shape& declared, const Shape& given) {
  if (declared.rank() != given.rank()) return true;
  for (int i = 0; i < given.rank(); ++i)
    if (declared[i] >= 0 && declared[i] != given[i]) return true;
  return false;
}

void run_data_set(const fs::path& folder, Model& model, const Graph& inlined, const ModelRunner& runner,
                  const ConformOptions& options, ConformCase& c) {
  std::vector<RunValue> inputs = load_values(folder, "input", model.graph, model.graph.inputs);
  const std::vector<RunValue> expected = load_values(folder, "output", model.graph, model.graph.outputs);
  // Four models declare another shape than their own data have: the data decide.
  for (size_t i = 0; i < inputs.size(); ++i) {
    Type& type = model.graph.values[static_cast<size_t>(model.graph.inputs[i])].type;
    if (type.shape && inputs[i].is_tensor() && contradicts(*type.shape, inputs[i].tensor().shape()))
      type.shape = inputs[i].tensor().shape();
  }
  c.random |= draws(inlined, inputs);
  const std::vector<RunValue> got = runner(model, std::move(inputs));
  for (size_t i = 0; i < expected.size() && c.reason.empty(); ++i) {
    const std::string text = compare_all(got[i], expected[i], [&](const Tensor& a, const Tensor& b) {
      return c.random ? compare_statistics(a, b) : compare_values(a, b, options);
    });
    if (!text.empty())
      c.reason = fmt::format("output \"{}\" {}", model.graph.value_name(model.graph.outputs[i]), text);
  }
}

/// Cases whose expected outputs do not follow from their own model, but do from a corrected one.
struct Faulty {
  std::string_view name, reason;
  void (*correct)(Graph& g);
};
constexpr Faulty kFaulty[] = {
    {"test_adam_multiple",
     "its expected outputs were computed with epsilon 0.01, its model leaves epsilon at the default 1e-6",
     [](Graph& g) {
       for (Node& node : g.nodes) node.attributes["epsilon"] = 0.01f;
     }},
};

void run_data_sets(const fs::path& folder, Model& model, const Graph& inlined, const ModelRunner& runner,
                   const ConformOptions& options, ConformCase& c) {
  c.reason.clear();
  for (int i = 0; c.reason.empty() && fs::exists(folder / fmt::format("test_data_set_{}", i)); ++i)
    run_data_set(folder / fmt::format("test_data_set_{}", i), model, inlined, runner, options, c);
  c.result = c.reason.empty() ? ConformCase::Result::kPassed : ConformCase::Result::kFailed;
}

ConformCase run_case(const fs::path& folder, std::string name, const ModelRunner& runner,
                     const ConformOptions& options) {
  ConformCase c{.name = std::move(name), .reason = {}};
  try {
    Model model = load_onnx(folder / "model.onnx");
    const Graph inlined = inline_functions(model);
    if (const auto missing = unsupported_parts(inlined); !missing.empty()) {
      // Names alone: the same reason groups cases, which whole sentences would not.
      std::set<std::string> names;
      for (const Unsupported& u : missing) names.insert(u.op.empty() ? u.reason : u.op);
      c.result = ConformCase::Result::kUnsupported;
      c.reason = fmt::format("{}", fmt::join(names, ", "));
      return c;
    }
    run_data_sets(folder, model, inlined, runner, options, c);
    for (const Faulty& faulty : kFaulty)
      if (c.result == ConformCase::Result::kFailed && folder.filename() == faulty.name) {
        faulty.correct(model.graph);
        run_data_sets(folder, model, inline_functions(model), runner, options, c);
        if (c.result == ConformCase::Result::kFailed) continue;
        c.result = ConformCase::Result::kUnsupported;
        c.reason = faulty.reason;
      }
  } catch (const Error& e) {
    c.result = e.code() == ErrorCode::kUnsupported ? ConformCase::Result::kUnsupported
                                                   : ConformCase::Result::kFailed;
    c.reason = e.what();
    const std::string prefix = (folder / "model.onnx").string() + ": ";
    if (c.reason.starts_with(prefix)) c.reason.erase(0, prefix.size());
  }
  return c;
}

}  // namespace

std::vector<RunValue> run_with_references(const Model& model, std::vector<RunValue> inputs) {
  const Graph graph = inline_functions(model);
  check_supported(graph);
  return evaluate_values(graph, std::move(inputs));
}

std::string ConformReport::json() const {
  nlohmann::ordered_json out = {
      {"passed", passed}, {"failed", failed}, {"unsupported", unsupported}, {"random", random}};
  auto& list = out["cases"] = nlohmann::ordered_json::array();
  constexpr const char* kNames[] = {"passed", "failed", "unsupported"};
  for (const ConformCase& c : cases)
    list.push_back({{"name", c.name}, {"result", kNames[static_cast<int>(c.result)]}, {"reason", c.reason}});
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

ConformReport conform(const std::string& dir, const ModelRunner& runner, const ConformOptions& options) {
  if (!fs::is_directory(dir)) fail(ErrorCode::kNotFound, "{}: no such folder", dir);
  std::vector<fs::path> folders;
  for (const auto& entry : fs::recursive_directory_iterator(dir))
    if (entry.path().filename() == "model.onnx") folders.push_back(entry.path().parent_path());
  if (folders.empty()) fail(ErrorCode::kNotFound, "{}: no folder below it holds a model.onnx", dir);
  std::sort(folders.begin(), folders.end());
  ConformReport report;
  for (const fs::path& folder : folders) {
    std::string name = fs::relative(folder, dir).string();
    if (name == ".") name = folder.filename().string();
    report.cases.push_back(run_case(folder, std::move(name), runner, options));
    const ConformCase& c = report.cases.back();
    report.passed += c.result == ConformCase::Result::kPassed;
    report.failed += c.result == ConformCase::Result::kFailed;
    report.unsupported += c.result == ConformCase::Result::kUnsupported;
    report.random += c.random && c.result == ConformCase::Result::kPassed;
    if (options.progress) options.progress(report.cases.size(), folders.size());
  }
  return report;
}

}  // namespace dunlin
