// dunlin run: feeds .npy or .pb files to a model and writes its outputs as .npy.
#include <fmt/format.h>

#include <algorithm>

#include "arguments.h"
#include "base/error.h"
#include "base/file_system.h"
#include "command.h"
#include "dunlin/session.h"
#include "graph/onnx/tensors.h"
#include "tensor/npy.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model, output = ".";
  std::vector<std::string> inputs;
};

/// In file names every character outside A-Z a-z 0-9 _ . - becomes _.
std::string file_name(const std::string& value) {
  std::string out = value;
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') c = '_';
  return out;
}

/// .pb as ONNX's backend tests have them, .npy otherwise.
Tensor read_tensor_file(const std::string& path) {
  if (path.ends_with(".pb")) return onnx::load_tensor_file(path);
  return load_npy(path);
}

std::string known_inputs(const Session& session) {
  std::string names;
  for (const ValueInfo& i : session.inputs()) names += (names.empty() ? "\"" : ", \"") + i.name + "\"";
  return names.empty() ? "it has none" : "its inputs are " + names;
}

Result run_model(const Options& o, const Common& common) {
  Session session = Session::load(o.model, {.num_threads = common.num_threads()});
  std::map<std::string, Tensor> inputs;
  for (const std::string& text : o.inputs) {
    const size_t at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
      throw UsageError("--input " + text + ": NAME=FILE is expected");
    const std::string name = text.substr(0, at);
    if (std::none_of(session.inputs().begin(), session.inputs().end(),
                     [&](const ValueInfo& i) { return i.name == name; }))
      fail(ErrorCode::kInvalidArgument, "--input {}: {} has no input \"{}\"; {}", text, o.model, name,
           known_inputs(session));
    if (!inputs.emplace(name, read_tensor_file(text.substr(at + 1))).second)
      throw UsageError("--input: \"" + name + "\" is given twice");
  }
  const std::vector<Tensor> outputs = session.run(inputs);
  system_files().make_directories(o.output);
  Result result;
  result.json["outputs"] = Json::array();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = session.outputs()[i].name;
    const std::string path = join_path(o.output, file_name(name) + ".npy");
    system_files().write_atomic(path, to_npy(outputs[i]));
    result.json["outputs"].push_back({{"name", name},
                                      {"file", path},
                                      {"format", outputs[i].format()->name},
                                      {"shape", outputs[i].shape().dims()}});
    result.text +=
        fmt::format("{}  {}{}  {}\n", name, outputs[i].format()->name, to_string(outputs[i].shape()), path);
  }
  return result;
}

}  // namespace

void add_run(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "run", "Run a model on given inputs",
                            "dunlin run model.onnx --input x=x.npy --output out/",
                            [o](const Common& common) { return run_model(*o, common); });
  c->add_option("model", o->model, "ONNX file")->required();
  c->add_option("--input", o->inputs, "NAME=FILE, FILE being .npy, or .pb as ONNX's tests use")->take_all();
  c->add_option("--output", o->output, "Folder for the outputs, one NAME.npy each")->capture_default_str();
}

}  // namespace dunlin::cli
