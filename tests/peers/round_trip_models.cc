// Reads the models of ONNX backend-test trees and writes them again, inputs and our own outputs beside them,
// for run_onnxruntime.cjs to compare:
//   OUT/cases.json
//   OUT/NAME/{original,exported,external}.onnx, input_K.npy, output_K.npy (when Dunlin runs the model)
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensors.h"
#include "runtime/conform.h"
#include "tensor/formats.h"
#include "tensor/npy.h"

namespace {

namespace fs = std::filesystem;
using namespace dunlin;
using Json = nlohmann::ordered_json;

Json write_values(const Graph& g, const std::vector<ValueId>& values, std::span<const RunValue> tensors,
                  const fs::path& folder, const char* stem) {
  Json list = Json::array();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::string file = fmt::format("{}_{}.npy", stem, i);
    system_files().write_atomic(folder / file, to_npy(tensors[i].tensor()));
    list.push_back({{"name", g.value_name(values[i])}, {"file", file}});
  }
  return list;
}

bool has_npy_type(const Graph& g, const std::vector<ValueId>& values) {
  return std::all_of(values.begin(), values.end(), [&](ValueId v) {
    return g.type(v).is_tensor() && g.type(v).format && g.type(v).format != &formats::kBF16 &&
           g.type(v).format != &formats::kString;
  });
}

/// Null when the case cannot be compared this way.
Json write_case(const fs::path& from, const fs::path& to) {
  const Model model = load_onnx(from / "model.onnx");
  const Graph& g = model.graph;
  if (!has_npy_type(g, g.inputs) || !has_npy_type(g, g.outputs)) return nullptr;
  std::vector<RunValue> inputs;
  for (size_t i = 0; i < g.inputs.size(); ++i)
    inputs.push_back(onnx::load_tensor_file(from / "test_data_set_0" / fmt::format("input_{}.pb", i)));
  fs::create_directories(to);
  fs::copy_file(from / "model.onnx", to / "original.onnx", fs::copy_options::overwrite_existing);
  save_onnx(model, to / "exported.onnx");
  // Read again, so that mapped and external tensors pass through both ways too.
  save_onnx(load_onnx(to / "exported.onnx"), to / "external.onnx", {.external_threshold_bytes = 16});
  Json entry = {{"inputs", write_values(g, g.inputs, inputs, to, "input")}};
  try {
    entry["outputs"] = write_values(g, g.outputs, session_runner()(model, std::move(inputs)), to, "output");
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kUnsupported) throw;
    entry["unsupported"] = e.what();
  }
  return entry;
}

int run(const fs::path& out, std::span<char*> trees) {
  fs::remove_all(out);
  fs::create_directories(out);
  Json cases = Json::array();
  int failed = 0;
  for (const fs::path tree : trees)
    for (const auto& entry : fs::recursive_directory_iterator(tree)) {
      if (entry.path().filename() != "model.onnx") continue;
      const fs::path from = entry.path().parent_path();
      try {
        Json written = write_case(from, out / from.filename());
        if (written.is_null()) continue;
        written["name"] = from.filename().string();
        cases.push_back(std::move(written));
      } catch (const Error& e) {
        if (e.code() == ErrorCode::kUnsupported) continue;
        std::fprintf(stderr, "%s: %s\n", from.c_str(), e.what());
        ++failed;
      }
    }
  system_files().write_atomic(out / "cases.json", as_bytes(cases.dump(1)));
  std::printf("%zu models written again, %d failed\n", cases.size(), failed);
  return failed == 0 && !cases.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: round_trip_models OUT TREE...\n");
    return 2;
  }
  try {
    return run(argv[1], std::span(argv + 2, static_cast<size_t>(argc - 2)));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
