#include "command.h"

#include <csignal>
#include <cstdio>

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
    try {
      const Result result = run(*common);
      const std::string text = common->json ? result.json.dump() + "\n" : result.text;
      std::fwrite(text.data(), 1, text.size(), stdout);
      if (std::fflush(stdout) != 0) fail(ErrorCode::kIo, "cannot write the result to stdout");
      if (result.exit_code != 0) throw CLI::RuntimeError(result.exit_code);
    } catch (const Error& e) {
      if (common->json) {
        const Json json = {{"error", {{"code", to_string(e.code())}, {"message", e.what()}}}};
        std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
      }
      throw;
    }
  });
  return command;
}

}  // namespace dunlin::cli
