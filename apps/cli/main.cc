// The one command. Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <iostream>

#include "arguments.h"
#include "command.h"
#include "dunlin/error.h"

namespace {

/// A file must never become stdin, stdout or stderr because the caller closed them: progress would be
/// written into it.
void keep_standard_streams() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDONLY) < 0) ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace dunlin::cli;
  keep_standard_streams();
  // A reader that went away is an error like any other, so that what was begun is cleaned up.
  ::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "Dunlin keeps a model learning where it runs: an ONNX model is trained, run, and improved by a fleet "
      "of\n"
      "devices that share what they learned and never their data."};
  app.name("dunlin");
  app.set_version_flag("--version", DUNLIN_VERSION);
  app.require_subcommand(1);
  app.footer("Each command has its own --help with an example:  dunlin train --help");
  add_new(app);
  add_inspect(app);
  add_run(app);
  add_bench(app);
  add_explain(app);
  add_conform(app);
  add_train(app);
  add_eval(app);
  add_fleet(app);
  add_coordinator(app);
  add_device(app);
  add_demo(app);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.empty()) arguments = {"--help"};
    arguments = order_arguments(app, arguments);
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return 0;
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {  // --help, --version
      app.exit(e);
      return std::cout.flush() ? 0 : 1;
    }
    const std::string command = command_path(app, arguments);
    std::fprintf(stderr, "%s: %s\n`%s --help` says more\n", command.c_str(), printable(e.what()).c_str(),
                 command.c_str());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "dunlin: %s\n", printable(e.what()).c_str());
    return 1;
  }
}
