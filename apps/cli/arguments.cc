#include "arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace dunlin::cli {

namespace {

const CLI::App* find_command(const CLI::App& app, const std::string& word) {
  for (const CLI::App* c : app.get_subcommands([](const CLI::App*) { return true; }))
    if (c->get_name() == word) return c;
  return nullptr;
}

/// Letters to insert, delete, replace or swap with their neighbour until `a` is `b`.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

[[noreturn]] void fail_unknown(const CLI::App& app, const std::string& path, const std::string& word) {
  std::string known, nearest;
  size_t best = 3;  // further away it is no slip of the finger
  for (const CLI::App* c : app.get_subcommands([](const CLI::App*) { return true; })) {
    known += (known.empty() ? "" : ", ") + c->get_name();
    if (const size_t d = distance(word, c->get_name()); d < best) best = d, nearest = c->get_name();
  }
  const std::string what =
      word.empty() ? std::string("a command is needed") : "there is no command \"" + path + " " + word + "\"";
  throw UsageError(what + (nearest.empty() ? "; the commands are " + known
                                           : "; did you mean \"" + path + " " + nearest + "\"?"));
}

}  // namespace

std::vector<std::string> order_arguments(const CLI::App& app, std::vector<std::string> arguments) {
  size_t first = 0;
  while (first < arguments.size() && arguments[first].starts_with('-')) {
    const std::string& word = arguments[first];
    const bool common = word == "--json" || word == "--quiet" || word.starts_with("--threads");
    if (!common) return arguments;  // --help, --version, or nothing we know
    first += word == "--threads" ? 2 : 1;
  }
  first = std::min(first, arguments.size());
  const CLI::App* at = &app;
  std::string path = app.get_name();
  size_t i = first;
  for (; at->get_require_subcommand_min() > 0; ++i) {
    const std::string word = i < arguments.size() ? arguments[i] : "";
    if (word.starts_with('-')) return arguments;
    const CLI::App* next = find_command(*at, word);
    if (!next) fail_unknown(*at, path, word);
    at = next;
    path += " " + word;
  }
  const auto begin = arguments.begin();
  std::rotate(begin, begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(i));
  return arguments;
}

std::string command_path(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  std::string path = app.get_name();
  for (const std::string& word : arguments) {
    at = find_command(*at, word);
    if (!at) break;
    path += " " + word;
  }
  return path;
}

CLI::Validator at_least(double least) {
  return CLI::Validator(
      [least](std::string& text) -> std::string {
        double value = 0;
        const bool number = CLI::detail::lexical_cast(text, value);
        return number && value >= least
                   ? ""
                   : fmt::format("\"{}\": a number of at least {} is expected", text, least);
      },
      fmt::format(">= {}", least));
}

std::string printable(std::string text) {
  for (char& c : text)
    if (const auto u = static_cast<unsigned char>(c); (u < 0x20 && c != '\n' && c != '\t') || u == 0x7f)
      c = '?';
  return text;
}

}  // namespace dunlin::cli
