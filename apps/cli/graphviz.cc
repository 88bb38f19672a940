#include "graphviz.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file_system.h"
#include "outputs.h"
#include "process.h"
#include "progress.h"
#include "signals.h"
#include "work_folder.h"

namespace dunlin::cli {

namespace {

constexpr int kPatienceSeconds = 120;  // its layout takes quadratic time and more

std::string ending_of(const std::string& file) { return std::filesystem::path(file).extension().string(); }

/// In PATH; "" when it is not installed.
std::string find_graphviz() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const std::string program = join_path(std::string(rest.substr(0, end)), "dot");
    if (::access(program.c_str(), X_OK) == 0) return program;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

}  // namespace

void check_drawing(const std::string& file) {
  constexpr std::string_view kEndings[] = {".svg", ".png", ".pdf", ".dot"};
  const std::string ending = ending_of(file);
  if (std::ranges::find(kEndings, ending) == std::end(kEndings))
    fail(ErrorCode::kInvalidArgument, "{}: a picture's name ends in {}", file, fmt::join(kEndings, ", "));
  if (ending != ".dot" && find_graphviz().empty())
    fail(ErrorCode::kNotFound,
         "{}: Graphviz draws it, and is not installed: `apt-get install graphviz`, or name a .dot file",
         file);
  check_output_file(file);
}

void draw(const std::string& dot, const std::string& file, bool placed, bool quiet) {
  FileSystem& files = system_files();
  const std::string ending = ending_of(file);
  if (ending == ".dot") return files.write_atomic(file, as_bytes(dot));
  const WorkFolder work("dunlin-graph");
  const std::string text = work.file("graph.dot"), picture = work.file("picture"), log = work.file("log");
  files.write_atomic(text, as_bytes(dot));
  const SignalStop signals;  // so that the folder goes, too
  std::vector<std::string> arguments{"-T" + ending.substr(1), "-o", picture, text};
  if (placed) arguments.insert(arguments.begin(), {"-Kneato", "-n2", "-Gsplines=line"});
  ChildProcess graphviz(arguments, log, find_graphviz());
  ProgressBar bar(quiet);
  const double begin = monotonic_seconds();
  for (double s = 0; !graphviz.exit_code(); s = monotonic_seconds() - begin) {
    if (signals.token().stop_requested()) {
      bar.finish();
      fail(ErrorCode::kCancelled, "{}: stopped; nothing was written", file);
    }
    if (s > kPatienceSeconds) {
      bar.finish();
      fail(
          ErrorCode::kResourceExhausted,
          "{}: Graphviz did not finish in {} seconds; name a .dot file and draw that with another tool of it "
          "(sfdp)",
          file, kPatienceSeconds);
    }
    if (s > 1)
      bar.update(s / kPatienceSeconds,
                 fmt::format("Graphviz draws {}, for {} s at most", file, kPatienceSeconds), -1);
    system_clock().sleep_ms(10);
  }
  bar.finish();
  const int code = *graphviz.exit_code();
  if (code != 0)
    fail(ErrorCode::kIo, "{}: Graphviz failed with exit code {}{}{}", file, code,
         files.size(log) > 0 ? ": " : "", as_chars(files.read(log)).substr(0, 300));
  files.write_atomic(file, files.read(picture));
}

}  // namespace dunlin::cli
