#include "command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "arguments.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"

namespace dunlin::cli {

int Common::num_threads() const { return threads > 0 ? threads : default_num_threads(); }

std::shared_ptr<ThreadPool> Common::pool() const { return std::make_shared<ThreadPool>(num_threads()); }

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      const std::string& example, std::function<Result(const Common&)> run) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  auto common = std::make_shared<Common>();
  command->add_flag("--json", common->json, "One JSON object on stdout; logs go to stderr");
  command->add_flag("--quiet", common->quiet, "No progress, only warnings and errors on stderr");
  command->add_option("--threads", common->threads, "Threads; 0: as many as the machine has")
      ->check(CLI::Range(0, 1024));
  command->callback([common, run = std::move(run)] {
    init_logging(common->quiet);
    const Result result = run(*common);
    // What comes out of a file need not be UTF-8, JSON must.
    const std::string text = common->json
                                 ? result.json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                                 : printable(result.text);
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!written || std::fflush(stdout) != 0) {
      if (errno == EPIPE) throw CLI::RuntimeError(1);  // `| head` has seen enough: no reason to complain
      fail(ErrorCode::kIo, "cannot write the result to stdout: {}", std::strerror(errno));
    }
    if (result.exit_code != 0) throw CLI::RuntimeError(result.exit_code);
  });
  return command;
}

void add_compute(CLI::App& command, std::string& compute) {
  command.add_option("--compute", compute, "Precision of the arithmetic, and of values between nodes")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
}

void add_winograd_flag(CLI::App& command, bool& winograd) {
  command.add_flag("!--no-winograd", winograd,
                   "Convolutions without Winograd's algorithm: slower, the sums that define them");
}

}  // namespace dunlin::cli
