// What people write or paste: fleet.toml, enrolment tokens, a model's task, options. The first byte says which.
#include "fleet/config.h"
#include "fleet/coordinator/settings.h"
#include "fleet/identity/token.h"
#include "fleet/strategies/strategy.h"
#include "fuzz.h"
#include "learn/optimizers/optimizer.h"
#include "learn/partition.h"
#include "learn/schedule.h"
#include "learn/task.h"

using namespace dunlin;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "finding: %s\n", what);
  std::abort();
}

/// KEY=VALUE lines.
std::map<std::string, std::string> lines(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t equals = std::min(line.find('='), line.size());
    out[std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
  }
  return out;
}

void read(int kind, std::string_view text) {
  switch (kind) {
    case 'f': {
      const fleet::FleetConfig config = fleet::parse_fleet_config(text, "fleet.toml");
      const std::string written = fleet::to_toml(config);
      require(fleet::to_toml(fleet::parse_fleet_config(written, "written")) == written,
              "fleet.toml is read otherwise");
      fleet::settings_from(config);
      fleet::make_strategy(config.population.strategy, config.population.strategy_params);
      return;
    }
    case 't': {
      const fleet::Token token = fleet::parse_token(text);
      require(fleet::parse_token(fleet::to_text(token)) == token, "a token is read otherwise");
      return;
    }
    case 'k': {
      const auto task = read_task(lines(text), "m");
      if (!task) return;
      Metadata written;
      write_task(*task, written);
      require(read_task(written, "m") == task, "a task is read otherwise");
      return;
    }
    case 'o': {
      const std::string option(text);
      fuzz::expect_answer([&] { PartitionSpec::parse(option); });
      fuzz::expect_answer([&] { DataShare::parse(option); });
      fuzz::expect_answer([&] {
        const Schedule s = Schedule::parse(option);
        require(Schedule::parse(s.to_text()) == s, "a schedule is read otherwise");
        for (int64_t step : {int64_t{0}, int64_t{5}, INT64_MAX}) s.rate(0.1, step, 10, 3);
      });
      fuzz::expect_answer([&] { parse_optimizer(option); });
      return;
    }
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) fuzz::expect_answer([&] { read(data[0], as_chars(fuzz::bytes_of(data + 1, size - 1))); });
  return 0;
}
