#include "graphviz.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file_system.h"
#include "outputs.h"
#include "process.h"
#include "work_folder.h"

namespace dunlin::cli {

namespace {

constexpr int64_t kPatienceMs = 120'000;  // Graphviz's layout takes quadratic time and more

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

void draw(const std::string& dot, const std::string& file) {
  FileSystem& files = system_files();
  const std::string ending = ending_of(file);
  if (ending == ".dot") return files.write_atomic(file, as_bytes(dot));
  const WorkFolder work("dunlin-graph");
  const std::string text = work.file("graph.dot"), picture = work.file("picture"), log = work.file("log");
  files.write_atomic(text, as_bytes(dot));
  ChildProcess graphviz({"-T" + ending.substr(1), "-o", picture, text}, log, find_graphviz());
  const int code = graphviz.join(kPatienceMs);
  if (code == 128 + SIGKILL)
    fail(ErrorCode::kResourceExhausted,
         "{}: Graphviz did not finish in {} seconds; name a .dot file and draw that with another tool of it "
         "(sfdp)",
         file, kPatienceMs / 1000);
  if (code != 0)
    fail(ErrorCode::kIo, "{}: Graphviz failed with exit code {}{}{}", file, code,
         files.size(log) > 0 ? ": " : "", as_chars(files.read(log)).substr(0, 300));
  files.write_atomic(file, files.read(picture));
}

}  // namespace dunlin::cli
