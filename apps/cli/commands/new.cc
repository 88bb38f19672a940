// dunlin new: a model of a known architecture with fresh weights.
#include <fmt/format.h>

#include <charconv>

#include "arguments.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/file_system.h"
#include "command.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "outputs.h"

namespace dunlin::cli {

namespace {

struct Options {
  std::string architecture, out, input;
  int64_t classes = 10;
  uint64_t seed = 0;
};

/// "3x224x224"
void parse_input(const std::string& text, ArchitectureOptions& o) {
  int64_t* const fields[] = {&o.channels, &o.height, &o.width};
  const char* p = text.data();
  const char* const end = p + text.size();
  for (int i = 0; i < 3; ++i) {
    const auto [next, error] = std::from_chars(p, end, *fields[i]);
    if (error != std::errc() || (i < 2 ? next == end || *next != 'x' : next != end) || *fields[i] < 1 ||
        *fields[i] > (i == 0 ? 4096 : 1 << 16))
      throw UsageError("--input " + text +
                       ": CxHxW is expected, for example 3x224x224, C up to 4096, H and W up to 65536");
    p = next + 1;
  }
}

Result make_model(const Options& o) {
  const Architecture& architecture = parse_option(
      "architecture", [&]() -> const Architecture& { return find_architecture(o.architecture); });
  ArchitectureOptions options{.classes = o.classes, .seed = o.seed};
  parse_input(o.input.empty() ? std::string(architecture.input) : o.input, options);
  check_output_file(o.out);
  const Model model = architecture.build(options);
  save_onnx(model, o.out);
  int64_t parameters = 0;
  for (const auto& [v, t] : model.graph.initializers) parameters += t->num_elements();
  const uint64_t bytes = system_files().size(o.out);
  return {
      {{"model", o.out}, {"architecture", architecture.name}, {"parameters", parameters}, {"bytes", bytes}},
      fmt::format("{}: {} ({}), {} parameters, {}\n", o.out, architecture.name, architecture.source,
                  parameters, human_bytes(bytes))};
}

}  // namespace

void add_new(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* c = add_command(app, "new", "Make a model of a known architecture with fresh weights",
                            "dunlin new cnn --classes 10 --input 1x28x28 --out model.onnx",
                            [o](const Common&) { return make_model(*o); });
  std::string known;
  for (const Architecture* a : all_architectures())
    known += (known.empty() ? "" : ", ") + std::string(a->name);
  c->add_option("architecture", o->architecture, known)->required();
  c->add_option("--out", o->out, "ONNX file to write")->required();
  c->add_option("--classes", o->classes, "Outputs of the last layer")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  c->add_option("--input", o->input, "CxHxW; the default is the architecture's own");
  c->add_option("--seed", o->seed, "Of the initial weights")->check(at_least(0))->capture_default_str();
}

}  // namespace dunlin::cli
