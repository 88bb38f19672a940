#include "fleet/config.h"

#include <toml++/toml.h>

#include <cmath>
#include <set>
#include <sstream>
#include <type_traits>

#include "base/error.h"

namespace dunlin::fleet {

namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;
constexpr int64_t kNoLimit = int64_t{1} << 53;

// The one list of what fleet.toml holds: it is read, checked and printed from here.
template <typename Visitor, typename Config>
void visit(Visitor& v, Config& c) {
  v.section("network", "Where devices find the coordinator.");
  v.text("host", c.network.host,
         "the name or address that devices dial; it is in the coordinator's certificate");
  v.text("listen", c.network.listen, "the address to bind; 0.0.0.0 or [::] for every network");
  v.number("port", c.network.port, 0, 65535, "devices with a certificate; 0: any free port");
  v.number("enrolment_port", c.network.enrolment_port, 0, 65535, "devices with a token");
  v.number("metrics_port", c.network.metrics_port, 0, 65535,
           "Prometheus, on loopback only; 0: any free port");

  v.section("population", "What is learned. Paths are relative to this folder.");
  v.text("name", c.population.name, "");
  v.text("model", c.population.model, "the first version");
  v.text("strategy", c.population.strategy, "how updates become the next version");
  v.parameters("strategy_params", c.population.strategy_params,
               "the strategy's own, for example { statistics = \"local\" } for FedAvg");

  v.section("round", "One round: ask devices, wait for updates, publish.");
  v.number("rounds", c.round.rounds, 0, 1'000'000'000, "stop after so many");
  v.number("cohort_size", c.round.cohort_size, 1, 10'000'000, "updates that a round waits for");
  v.number("over_selection", c.round.over_selection, 1, 10, "devices asked, as a multiple of cohort_size");
  v.number("quorum", c.round.quorum, 0, 10'000'000,
           "updates needed at the deadline; 0: three quarters of the cohort");
  v.number("deadline_s", c.round.deadline_s, 1, 30 * 24 * 3600, "");
  v.number("pace_s", c.round.pace_s, 1, 7 * 24 * 3600, "how often an idle device looks in");
  v.number("max_weight", c.round.max_weight, 1, 1u << 31,
           "examples of one update that count at most: what one device can weigh");
  v.number("keep_versions", c.round.keep_versions, 0, 1'000'000'000,
           "newest versions whose files stay on disk; 0: all");

  v.section("training", "What a device does with its own data.");
  v.number("local_epochs", c.training.local_epochs, 1, 10'000, "");
  v.number("batch", c.training.batch, 1, 1 << 20, "");
  v.number("learning_rate", c.training.learning_rate, 0, 1000, "");
  v.text("optimizer", c.training.optimizer, "sgd, adam or adamw");
  v.number("momentum", c.training.momentum, 0, 1, "of sgd");
  v.number("weight_decay", c.training.weight_decay, 0, 1000, "");
  v.number("seed", c.training.seed, 0, kNoLimit, "");

  v.section("evaluation", "How a version is judged.");
  v.text("data", c.evaluation.data,
         "the coordinator's own held-out set; empty: only the devices' held-out data");
  v.boolean("on_devices", c.evaluation.on_devices,
            "devices try every version on data that they hold out (dunlin device --held-out)");

  v.section("identity", "How long certificates live. Devices renew theirs by themselves.");
  v.number("device_certificate_days", c.identity.device_certificate_days, 1, 30, "");
  v.number("coordinator_certificate_days", c.identity.coordinator_certificate_days, 1, 825, "");

  v.section("limits", "What one peer may ask of the coordinator.");
  v.number("max_message_bytes", c.limits.max_message_bytes, 2 << 20, 1 << 30, "");
  v.number("max_artefact_bytes", c.limits.max_artefact_bytes, 1, kNoLimit, "");
  v.number("max_connections", c.limits.max_connections, 1, 1'000'000, "");
  v.number("max_connections_per_address", c.limits.max_connections_per_address, 1, 1'000'000, "");
  v.number("max_streams_per_connection", c.limits.max_streams_per_connection, 1, 1000, "");
}

class Reader {
 public:
  Reader(const toml::table& root, const std::string& file) : root_(root), file_(file) {}

  void section(const char* name, const char*) {
    refuse_unknown_keys();
    sections_.insert(name);
    section_ = name;
    known_.clear();
    const toml::node* node = root_.get(name);
    table_ = node ? node->as_table() : nullptr;
    if (node && !table_) complain(*node, name, "a section is expected");
  }

  void text(const char* key, std::string& out, const char*) {
    const toml::node* node = find(key);
    if (!node) return;
    const auto value = node->value_exact<std::string>();
    if (!value) complain(*node, key, "a text in quotes is expected");
    out = *value;
  }

  void boolean(const char* key, bool& out, const char*) {
    const toml::node* node = find(key);
    if (!node) return;
    const auto value = node->value_exact<bool>();
    if (!value) complain(*node, key, "true or false is expected");
    out = *value;
  }

  template <typename T>
  void number(const char* key, T& out, double low, double high, const char*) {
    const toml::node* node = find(key);
    if (!node) return;
    double value = 0;
    if constexpr (std::is_integral_v<T>) {
      const auto integer = node->value_exact<int64_t>();
      if (!integer) complain(*node, key, "a whole number is expected");
      value = static_cast<double>(*integer);
    } else {
      if (!node->is_number()) complain(*node, key, "a number is expected");
      value = *node->value<double>();
    }
    if (!(value >= low && value <= high))  // also refuses NaN
      complain(*node, key, fmt::format("a number from {} to {} is expected, got {}", low, high, value));
    out = static_cast<T>(value);
  }

  /// As text: the strategy alone knows which of its parameters are numbers.
  void parameters(const char* key, std::map<std::string, std::string>& out, const char*) {
    const toml::node* node = find(key);
    if (!node) return;
    if (!node->is_table()) complain(*node, key, "a table is expected, such as { mu = 0.01 }");
    for (const auto& [name, value] : *node->as_table()) {
      std::string& text = out[std::string(name.str())];
      if (value.is_string())
        text = *value.value<std::string>();
      else if (value.is_number() && std::isfinite(*value.value<double>()))
        text = fmt::format("{}", *value.value<double>());
      else
        complain(value, fmt::format("{}.{}", key, name.str()), "a number or a text in quotes is expected");
    }
  }

  void finish() {
    refuse_unknown_keys();
    for (const auto& [name, node] : root_)
      if (!sections_.count(std::string(name.str())))
        fail(ErrorCode::kInvalidArgument, "{}:{}: unknown section or key \"{}\"; known sections: {}", file_,
             node.source().begin.line, name.str(), fmt::join(sections_, ", "));
  }

 private:
  const toml::node* find(const char* key) {
    known_.insert(key);
    return table_ ? table_->get(key) : nullptr;
  }

  void refuse_unknown_keys() {
    if (!table_) return;
    for (const auto& [key, node] : *table_)
      if (!known_.count(std::string(key.str())))
        fail(ErrorCode::kInvalidArgument, "{}:{}: unknown key {}.{}; known: {}", file_,
             node.source().begin.line, section_, key.str(), fmt::join(known_, ", "));
  }

  [[noreturn]] void complain(const toml::node& node, std::string_view key, std::string_view what) {
    fail(ErrorCode::kInvalidArgument, "{}:{}: {}.{}: {}", file_, node.source().begin.line, section_, key,
         what);
  }

  const toml::table& root_;
  const std::string& file_;
  const toml::table* table_ = nullptr;
  std::string section_;
  std::set<std::string> sections_, known_;
};

class Printer {
 public:
  void section(const char* name, const char* comment) {
    out_ += fmt::format("\n# {}\n[{}]\n", comment, name);
  }
  void text(const char* key, const std::string& value, const char* comment) {
    line(key, quoted(value), comment);
  }
  template <typename T>
  void number(const char* key, const T& value, double, double, const char* comment) {
    if constexpr (std::is_integral_v<T>)
      line(key, fmt::format("{}", value), comment);
    else
      line(key, real(value), comment);
  }
  void boolean(const char* key, bool value, const char* comment) {
    line(key, value ? "true" : "false", comment);
  }
  void parameters(const char* key, const std::map<std::string, std::string>& values, const char* comment) {
    std::string text;
    for (const auto& [name, value] : values)
      text += fmt::format("{} {} = {}", text.empty() ? "" : ",", quoted(name), quoted(value));
    line(key, values.empty() ? "{}" : fmt::format("{{{} }}", text), comment);
  }
  std::string take() { return std::move(out_); }

 private:
  static std::string quoted(const std::string& text) {
    std::ostringstream out;
    out << toml::value<std::string>(text);
    return out.str();
  }
  /// The shortest digits that read back as the same number; toml++ would print 0.05 as 0.050000000000000003.
  static std::string real(double value) {
    const std::string text = fmt::format("{}", value);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  void line(const char* key, const std::string& value, const char* comment) {
    const std::string assignment = fmt::format("{} = {}", key, value);
    out_ += *comment ? fmt::format("{:<34} # {}\n", assignment, comment) : assignment + "\n";
  }
  std::string out_ =
      "# A fleet's settings, read when the coordinator starts. Sizes are bytes, _s is seconds.\n";
};

void check_whole(const FleetConfig& config, const std::string& file) {
  const FleetConfig::Round& r = config.round;
  if (r.quorum > r.cohort_size)
    fail(ErrorCode::kInvalidArgument, "{}: round.quorum: {} is more than round.cohort_size, {}", file,
         r.quorum, r.cohort_size);
  if (config.network.host.empty())
    fail(ErrorCode::kInvalidArgument, "{}: network.host: missing: the name or address that devices dial",
         file);
  const FleetConfig::Network& n = config.network;
  if (n.port != 0 && n.port == n.enrolment_port)
    fail(ErrorCode::kInvalidArgument,
         "{}: network.enrolment_port: {} is network.port too; two ports are needed", file, n.port);
}

}  // namespace

int64_t FleetConfig::quorum_or_default() const {
  return round.quorum > 0 ? round.quorum : (round.cohort_size * 3 + 3) / 4;
}

FleetConfig parse_fleet_config(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& e) {
    fail(ErrorCode::kInvalidArgument, "{}:{}: {}", file, e.source().begin.line, e.description());
  }
  FleetConfig config;
  Reader reader(root, file);
  visit(reader, config);
  reader.finish();
  check_whole(config, file);
  return config;
}

FleetConfig load_fleet_config(const std::string& path, FileSystem& files) {
  return parse_fleet_config(as_chars(files.read(path, kMaxConfigBytes)), path);
}

std::string to_toml(const FleetConfig& config) {
  Printer printer;
  visit(printer, config);
  return printer.take();
}

std::string config_path(const std::string& dir) { return join_path(dir, "fleet.toml"); }
std::string database_path(const std::string& dir) { return join_path(dir, "fleet.sqlite"); }

}  // namespace dunlin::fleet
