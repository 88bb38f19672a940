// The words of the command line before CLI11 sees them: what it would answer badly is answered here.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace dunlin::cli {

/// Exit code 2.
class UsageError : public CLI::ParseError {
 public:
  explicit UsageError(const std::string& message)
      : ParseError("UsageError", message, CLI::ExitCodes::ValidationError) {}
};

/// The arguments with common flags that stand before the command (`dunlin --json inspect m.onnx`) moved
/// behind it. Throws UsageError that names an unknown command and the nearest known one.
std::vector<std::string> order_arguments(const CLI::App& app, std::vector<std::string> arguments);

/// The command that the words in `arguments` lead to, as it is typed: "dunlin fleet init".
std::string command_path(const CLI::App& app, const std::vector<std::string>& arguments);

/// Reads an option's text by `parse`; what is wrong with it is wrong usage (exit code 2), not a failure.
template <typename F>
auto parse_option(const std::string& option, F&& parse) {
  try {
    return std::forward<F>(parse)();
  } catch (const Error& e) {
    throw UsageError(option + ": " + e.what());
  }
}

/// Of an option: a number of at least `least`, whatever its type; said in fewer words than CLI11's.
CLI::Validator at_least(double least);

/// Control characters replaced, for texts from files that end up on a terminal.
std::string printable(std::string text);

}  // namespace dunlin::cli
