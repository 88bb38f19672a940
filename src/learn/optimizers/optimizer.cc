#include "learn/optimizers/optimizer.h"

#include <charconv>
#include <cmath>

#include "base/error.h"

namespace dunlin {

namespace optimizers {
#define OPTIMIZER(name) extern const OptimizerDef k##name;
#include "learn/optimizers/catalog.def"
#undef OPTIMIZER
}  // namespace optimizers

namespace {

constexpr Optimizer kAll[] = {
#define OPTIMIZER(name) &optimizers::k##name,
#include "learn/optimizers/catalog.def"
#undef OPTIMIZER
};

void set_option(OptimizerOptions& o, std::string_view key, double value, const std::string& text) {
  const auto require = [&](bool ok, const char* range) {
    if (!ok)
      fail(ErrorCode::kInvalidArgument, "optimizer \"{}\": {} is {}, {} is expected", text, key, value,
           range);
  };
  if (key == "momentum") {
    require(value >= 0 && value < 1, "0 <= momentum < 1");
    o.momentum = value;
  } else if (key == "nesterov") {
    require(value == 0 || value == 1, "0 or 1");
    o.nesterov = value != 0;
  } else if (key == "beta1" || key == "beta2") {
    require(value >= 0 && value < 1, "0 <= beta < 1");
    (key == "beta1" ? o.beta1 : o.beta2) = value;
  } else if (key == "epsilon") {
    require(value > 0 && value < 1, "0 < epsilon < 1");
    o.epsilon = value;
  } else if (key == "weight_decay") {
    require(value >= 0 && std::isfinite(value), "a number from 0 on");
    o.weight_decay = value;
  } else {
    fail(ErrorCode::kInvalidArgument,
         "optimizer \"{}\": no option \"{}\"; there are momentum, nesterov, beta1, beta2, epsilon, "
         "weight_decay",
         text, key);
  }
}

}  // namespace

OptimizerChoice parse_optimizer(const std::string& text) {
  const size_t colon = text.find(':');
  OptimizerChoice choice;
  std::string names;
  for (const Optimizer o : kAll) {
    if (o->name == std::string_view(text).substr(0, colon)) choice.optimizer = o;
    names += (names.empty() ? "" : ", ") + std::string(o->name);
  }
  if (!choice.optimizer) fail(ErrorCode::kInvalidArgument, "optimizer \"{}\": there are {}", text, names);
  std::string_view rest =
      colon == std::string::npos ? std::string_view() : std::string_view(text).substr(colon + 1);
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.find('=');
    double value = 0;
    const char* end = item.data() + item.size();
    const auto parsed = equals == std::string_view::npos
                            ? std::from_chars_result{end, std::errc::invalid_argument}
                            : std::from_chars(item.data() + equals + 1, end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end)
      fail(ErrorCode::kInvalidArgument, "optimizer \"{}\": \"{}\" is not OPTION=NUMBER", text, item);
    set_option(choice.options, item.substr(0, equals), value, text);
  }
  if (choice.options.nesterov && choice.options.momentum == 0)
    fail(ErrorCode::kInvalidArgument, "optimizer \"{}\": nesterov needs a momentum above 0", text);
  return choice;
}

std::string to_string(const OptimizerChoice& c) {
  const OptimizerOptions& o = c.options;
  return fmt::format("{}:momentum={},nesterov={},beta1={},beta2={},epsilon={},weight_decay={}",
                     c.optimizer->name, o.momentum, o.nesterov ? 1 : 0, o.beta1, o.beta2, o.epsilon,
                     o.weight_decay);
}

}  // namespace dunlin
