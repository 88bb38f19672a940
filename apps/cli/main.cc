// The one command. Exit codes: 0 done, 1 failed, 2 wrong usage.
#include <cstdio>
#include <exception>

#include "command.h"
#include "dunlin/error.h"

int main(int argc, char** argv) {
  using namespace dunlin::cli;
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
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "dunlin: %s\n", e.what());
    return 1;
  }
}
