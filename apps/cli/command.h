// What every command shares: its flags, where its result goes, and how it fails.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace dunlin {
class ThreadPool;
}

namespace dunlin::cli {

using Json = nlohmann::ordered_json;

/// Flags that every command takes.
struct Common {
  bool json = false;
  bool quiet = false;
  int threads = 0;  ///< 0: as many as the machine has

  int num_threads() const;
  std::shared_ptr<ThreadPool> pool() const;
};

/// What a command gives back: one JSON object for --json, and the same for people.
struct Result {
  Json json;
  std::string text;
  int exit_code = 0;  ///< 1 when the answer itself is a failure (a test that did not pass)
};

/// Adds a command that runs `run` with the common flags. `example` ends its --help.
/// `options` are declared by the caller on the returned App; what they write must outlive parsing.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example, std::function<Result(const Common&)> run);

/// --compute of commands that run a model: SessionOptions::compute.
void add_compute(CLI::App& command, std::string& compute);
/// --no-winograd, for a command that runs a model.
void add_winograd_flag(CLI::App& command, bool& winograd);

/// Every command, one file each.
void add_bench(CLI::App& app);
void add_conform(CLI::App& app);
void add_coordinator(CLI::App& app);
void add_demo(CLI::App& app);
void add_device(CLI::App& app);
void add_eval(CLI::App& app);
void add_explain(CLI::App& app);
void add_fleet(CLI::App& app);
void add_inspect(CLI::App& app);
void add_new(CLI::App& app);
void add_run(CLI::App& app);
void add_train(CLI::App& app);

}  // namespace dunlin::cli
