// dunlin run: feeds .npy or .pb files to a model and writes its outputs as .npy, strings as .pb.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "arguments.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/text.h"
#include "command.h"
#include "dunlin/session.h"
#include "graph/onnx/tensors.h"
#include "tensor/formats.h"
#include "tensor/npy.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string model, output = ".";
  std::vector<std::string> inputs;
  uint64_t max_memory = 0;  ///< bytes; 0: what the machine has
  uint64_t max_iterations = RunContext().max_iterations;
  std::string compute = "f32";
  double max_seconds = SessionOptions().max_run_seconds;
  bool winograd = true;
};

/// Gives each output a file of its own.
class FileNames {
 public:
  explicit FileNames(std::string folder) : folder_(std::move(folder)) {}

  /// Characters of ASCII outside A-Z a-z 0-9 _ . - become _; a name that is taken gets a number, a long one ends early.
  std::string stem_of(std::string name) {
    for (char& c : name)
      if (static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c)) && c != '_' &&
          c != '.' && c != '-')
        c = '_';
    constexpr size_t kMostBytes = 200;  // file systems take 255, and what stands behind needs some
    if (name.size() > kMostBytes) {
      size_t end = kMostBytes;
      while ((static_cast<unsigned char>(name[end]) & 0xC0) == 0x80)
        --end;  // not within a character of UTF-8
      name.resize(end);
    }
    std::string stem = name;
    for (size_t& number = last_number_[name]; !taken_.insert(stem).second;)
      stem = fmt::format("{}_{}", name, ++number + 1);
    return join_path(folder_, stem);
  }

 private:
  const std::string folder_;
  std::set<std::string> taken_;
  std::map<std::string, size_t> last_number_;
};

/// .pb as ONNX's backend tests have them, .npy otherwise.
RunValue read_value_file(const std::string& path, const ValueInfo& info) {
  const Type type{.kind = info.sequence ? Type::Kind::kSequence : Type::Kind::kTensor,
                  .format = info.format,
                  .shape = {},
                  .optional = info.optional};
  if (path.ends_with(".pb")) return onnx::load_value_file(path, type);
  if (info.format == &formats::kString)
    fail(ErrorCode::kInvalidArgument,
         "input \"{}\" holds strings, {} is read as .npy, which gives numbers: a .pb with a TensorProto is "
         "expected",
         info.name, path);
  if (info.sequence)
    fail(ErrorCode::kInvalidArgument,
         "input \"{}\" is a sequence, {} holds one array: a .pb with a SequenceProto is expected", info.name,
         path);
  return load_npy(path);
}

/// `stem`.npy, or .pb of strings, for which .npy has no type of open length.
Json write_tensor(const Tensor& t, const std::string& name, const std::string& stem, std::string& text) {
  const bool strings = t.format() == &formats::kString;
  const std::string path = stem + (strings ? ".pb" : ".npy");
  if (strings)
    onnx::save_tensor_file(t, name, path);
  else
    system_files().write_atomic(path, to_npy(t));
  text += fmt::format("{}  {}{}  {}\n", one_line(name), t.format()->name, to_string(t.shape()), path);
  return {{"name", name}, {"file", path}, {"format", t.format()->name}, {"shape", t.shape().dims()}};
}

std::string known_inputs(const Session& session) {
  std::string names;
  for (const ValueInfo& i : session.inputs()) names += (names.empty() ? "\"" : ", \"") + i.name + "\"";
  return names.empty() ? "it has none" : "its inputs are " + names;
}

Result run_model(const Options& o, const Common& common) {
  if (!(o.max_seconds > 0)) throw UsageError("--max-seconds: a number above 0 is expected");
  Session session = Session::load(o.model, {.num_threads = common.num_threads(),
                                            .compute = o.compute,
                                            .winograd = o.winograd,
                                            .max_run_seconds = o.max_seconds,
                                            .max_bytes = o.max_memory});
  std::map<std::string, RunValue> given;
  for (const std::string& text : o.inputs) {
    const size_t at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
      throw UsageError("--input " + text + ": NAME=FILE is expected");
    const std::string name = text.substr(0, at);
    const auto info = std::find_if(session.inputs().begin(), session.inputs().end(),
                                   [&](const ValueInfo& i) { return i.name == name; });
    if (info == session.inputs().end())
      fail(ErrorCode::kInvalidArgument, "--input {}: {} has no input \"{}\"; {}", text, o.model, name,
           known_inputs(session));
    if (!given.emplace(name, read_value_file(text.substr(at + 1), *info)).second)
      throw UsageError("--input: \"" + name + "\" is given twice");
  }
  std::vector<RunValue> inputs;
  for (const ValueInfo& info : session.inputs()) {
    const auto it = given.find(info.name);
    if (it == given.end() && !info.optional)
      fail(ErrorCode::kInvalidArgument, "input \"{}\" is missing; {}", info.name, known_inputs(session));
    inputs.push_back(it == given.end() ? RunValue() : std::move(it->second));
  }
  const std::vector<RunValue> outputs =
      session.run_values(std::move(inputs), {.max_iterations = o.max_iterations});
  system_files().make_directories(o.output);
  FileNames files(o.output);
  Result result;
  result.json["outputs"] = Json::array();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = session.outputs()[i].name;
    Json& list = result.json["outputs"];
    if (outputs[i].is_tensor()) {
      list.push_back(write_tensor(outputs[i].tensor(), name, files.stem_of(name), result.text));
      continue;
    }
    const size_t length = outputs[i].is_sequence() ? outputs[i].elements().size() : 0;
    result.text += outputs[i].is_sequence() ? fmt::format("{}  a sequence of {}\n", one_line(name), length)
                                            : fmt::format("{}  nothing\n", one_line(name));
    Json elements = Json::array();
    for (size_t k = 0; k < length; ++k)
      elements.push_back(write_tensor(*outputs[i].elements()[k], fmt::format("{}[{}]", name, k),
                                      files.stem_of(fmt::format("{}_{}", name, k)), result.text));
    list.push_back({{"name", name}, {"elements", outputs[i].is_sequence() ? elements : Json()}});
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
  c->add_option("--output", o->output,
                "Folder for the outputs, one NAME.npy each, NAME.pb of strings; NAME_0.npy ... of a sequence")
      ->capture_default_str();
  add_compute(*c, o->compute);
  c->add_option("--max-memory", o->max_memory,
                "What the model and its run may take, as in 512MB or 4GB; else what the machine has")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::Range(uint64_t{1}, uint64_t{INT64_MAX}))
      ->type_name("BYTES");
  c->add_option("--max-seconds", o->max_seconds, "The run may take so long")->capture_default_str();
  c->add_option("--max-iterations", o->max_iterations, "All loops of the model together may take so many")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 62))
      ->capture_default_str();
  add_winograd_flag(*c, o->winograd);
}

}  // namespace dunlin::cli
