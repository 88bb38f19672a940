#include "learn/task.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "tensor/formats.h"

namespace dunlin {

namespace {

constexpr std::string_view kPrefix = "dunlin.task.";
constexpr std::string_view kKeys[] = {"version", "input", "layout", "channels", "scale",
                                      "mean",    "std",   "labels", "loss",     "metric"};
constexpr std::string_view kLosses[] = {"ce", "nll", "bce", "mse", "file"};
constexpr std::string_view kMetrics[] = {"accuracy", "top5", "loss"};
constexpr size_t kMaxLabels = 1 << 20;

std::string key(std::string_view name) { return std::string(kPrefix) + std::string(name); }

template <typename T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || p != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename T>
std::optional<std::vector<T>> parse_list(std::string_view text, char separator) {
  std::vector<T> out;
  for (size_t from = 0; from <= text.size();) {
    const size_t at = std::min(text.find(separator, from), text.size());
    const auto value = parse<T>(text.substr(from, at - from));
    if (!value) return std::nullopt;
    out.push_back(*value);
    from = at + 1;
  }
  return out;
}

template <typename Range>
std::string join(const Range& items, const char* separator) {
  return fmt::format("{}", fmt::join(items, separator));
}

const char* to_text(Task::Layout l) { return l == Task::Layout::kNhwc ? "NHWC" : "NCHW"; }
const char* to_text(Task::Channels c) {
  return c == Task::Channels::kGray ? "gray" : c == Task::Channels::kRgb ? "rgb" : "bgr";
}

class Reader {
 public:
  Reader(const Metadata& metadata, const std::string& model) : metadata_(metadata), model_(model) {}

  const std::string* find(std::string_view name) const {
    const auto it = metadata_.find(key(name));
    return it == metadata_.end() ? nullptr : &it->second;
  }
  [[noreturn]] void bad(std::string_view name, const char* expected) const {
    fail(ErrorCode::kCorrupt, "{}: metadata {} is \"{}\", {} is expected", model_, key(name),
         find(name)->substr(0, 100), expected);
  }
  template <typename T>
  void list(std::string_view name, char separator, std::vector<T>& out, const char* expected) const {
    if (const std::string* text = find(name)) {
      const auto values = parse_list<T>(*text, separator);
      if (!values) bad(name, expected);
      out = *values;
    }
  }

 private:
  const Metadata& metadata_;
  const std::string& model_;
};

std::vector<std::string> read_labels(const Reader& in) {
  const std::string* text = in.find("labels");
  if (!text) return {};
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_array() || json.size() > kMaxLabels) in.bad("labels", "a JSON array of names");
  std::vector<std::string> out;
  for (const auto& item : json) {
    if (!item.is_string()) in.bad("labels", "a JSON array of names");
    out.push_back(item.get<std::string>());
  }
  return out;
}

bool has_classes(const Dataset& data) { return data.size() > 0 && data.class_of(0) >= 0; }

/// A column of measured values is read as classes, too: their texts tell.
bool classes_are_numbers(const Dataset& data) {
  return std::ranges::all_of(data.class_names(),
                             [](const std::string& name) { return parse<double>(name).has_value(); });
}

}  // namespace

std::optional<Task> read_task(const Metadata& metadata, const std::string& model) {
  const Reader in(metadata, model);
  const std::string* version = in.find("version");
  if (!version) return std::nullopt;
  if (*version != "1") in.bad("version", "1 (a newer Dunlin wrote this)");
  Task t;
  std::vector<int64_t> dims;
  in.list("input", 'x', dims, "sizes such as 3x224x224");
  t.input = Shape(std::move(dims));
  if (const std::string* s = in.find("layout")) {
    if (*s != "NCHW" && *s != "NHWC") in.bad("layout", "NCHW or NHWC");
    t.layout = *s == "NHWC" ? Task::Layout::kNhwc : Task::Layout::kNchw;
  }
  if (const std::string* s = in.find("channels")) {
    if (*s != "gray" && *s != "rgb" && *s != "bgr") in.bad("channels", "gray, rgb or bgr");
    t.channels = *s == "gray"  ? Task::Channels::kGray
                 : *s == "rgb" ? Task::Channels::kRgb
                               : Task::Channels::kBgr;
  }
  if (const std::string* s = in.find("scale")) {
    const auto value = parse<double>(*s);
    if (!value) in.bad("scale", "a number");
    t.scale = *value;
  }
  in.list("mean", ',', t.mean, "numbers separated by commas");
  in.list("std", ',', t.std, "numbers separated by commas");
  t.labels = read_labels(in);
  if (const std::string* s = in.find("loss")) t.loss = *s;
  if (const std::string* s = in.find("metric")) t.metric = *s;
  try {
    check_task(t);
  } catch (const Error& e) {
    fail(ErrorCode::kCorrupt, "{}: {}", model, e.what());
  }
  return t;
}

void write_task(const Task& t, Metadata& metadata) {
  check_task(t);
  for (const std::string_view name : kKeys) metadata.erase(key(name));
  metadata[key("version")] = "1";
  metadata[key("input")] = join(t.input.dims(), "x");
  metadata[key("layout")] = to_text(t.layout);
  metadata[key("channels")] = to_text(t.channels);
  metadata[key("scale")] = fmt::format("{}", t.scale);
  if (!t.mean.empty()) metadata[key("mean")] = join(t.mean, ",");
  if (!t.std.empty()) metadata[key("std")] = join(t.std, ",");
  if (!t.labels.empty()) {
    // Names come from folders and files and may be any bytes; JSON is UTF-8.
    metadata[key("labels")] =
        nlohmann::json(t.labels).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  metadata[key("loss")] = t.loss;
  metadata[key("metric")] = t.metric;
}

void check_task(const Task& t) {
  const auto bad = [](std::string_view name, const std::string& why) {
    fail(ErrorCode::kInvalidArgument, "metadata {}: {}", key(name), why);
  };
  if (t.input.rank() < 1 || t.input.rank() > 7)
    bad("input", "has rank " + std::to_string(t.input.rank()) + ", 1 to 7 is expected");
  double count = 1;
  for (const int64_t d : t.input) {
    if (d < 1) bad("input", to_string(t.input) + " has an impossible size");
    count *= static_cast<double>(d);
  }
  if (count > 0x1p32) bad("input", to_string(t.input) + " has an impossible size");
  if (!std::isfinite(t.scale) || t.scale == 0) bad("scale", fmt::format("is {}", t.scale));
  const size_t channels = static_cast<size_t>(t.input[t.channel_axis()]);
  const auto check_per_channel = [&](std::string_view name, const std::vector<double>& v) {
    if (!v.empty() && v.size() != 1 && v.size() != channels)
      bad(name, fmt::format("has {} numbers for {} channels", v.size(), channels));
    for (const double x : v)
      if (!std::isfinite(x) || (name == "std" && x <= 0)) bad(name, fmt::format("holds {}", x));
  };
  check_per_channel("mean", t.mean);
  check_per_channel("std", t.std);
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t i = 0; i < t.labels.size(); ++i)
    if (const auto [it, fresh] = seen.emplace(t.labels[i], i); !fresh)
      bad("labels", fmt::format("\"{}\" stands at {} and at {}", t.labels[i], it->second, i));
  const auto one_of = [&](std::string_view name, std::string_view value,
                          std::span<const std::string_view> all) {
    if (std::find(all.begin(), all.end(), value) == all.end())
      bad(name, fmt::format("is \"{}\", there are {}", value, fmt::join(all, ", ")));
  };
  one_of("loss", t.loss, kLosses);
  one_of("metric", t.metric, kMetrics);
}

Task guess_task(const Shape& input, int64_t num_outputs, const Dataset& data, const std::string& loss) {
  Task t;
  t.input = input;
  t.loss = loss;
  const bool classes = (loss == "ce" || loss == "nll") && (data.size() == 0 || has_classes(data));
  t.metric = classes ? "accuracy" : "loss";
  if (input.rank() == 3 && input[0] != 1 && input[0] != 3 && (input[2] == 1 || input[2] == 3))
    t.layout = Task::Layout::kNhwc;
  if (input.rank() == 3 && input[t.channel_axis()] == 3) t.channels = Task::Channels::kRgb;
  if (data.size() > 0 && data.example(0).input.format() != &formats::kF32) t.scale = 1.0 / 255;
  if (!classes && (!has_classes(data) || (num_outputs == 1 && classes_are_numbers(data)))) return t;
  if (data.classes_are_indices() && num_outputs > 0) {
    for (int64_t i = 0; i < num_outputs; ++i) t.labels.push_back(std::to_string(i));
    return t;
  }
  t.labels = data.class_names();
  const bool two_in_one = num_outputs == 1 && !classes && t.labels.size() == 2;  // 0 and 1
  if (num_outputs > 0 && !two_in_one && static_cast<size_t>(num_outputs) != t.labels.size())
    fail(ErrorCode::kFailedPrecondition,
         "the model has {} outputs and the data {} classes ({}{}): as many are expected (`dunlin new "
         "--classes "
         "{}`), or a label map in the model's metadata, dunlin.task.labels",
         num_outputs, t.labels.size(),
         join(std::vector<std::string>(t.labels.begin(),
                                       t.labels.begin() + std::min<std::ptrdiff_t>(5, std::ssize(t.labels))),
              ", "),
         t.labels.size() > 5 ? ", ..." : "", t.labels.size());
  return t;
}

std::vector<int> map_labels(const Task& task, const Dataset& data) {
  std::unordered_map<std::string_view, int> number_of;
  bool any_number = false;
  for (size_t i = 0; i < task.labels.size(); ++i) {
    number_of.emplace(task.labels[i], static_cast<int>(i));
    any_number |= parse<int64_t>(task.labels[i]).has_value();
  }
  std::vector<int> out;
  for (const std::string& name : data.class_names()) {
    const auto it = number_of.find(name);
    // IDX and NPZ number their classes, so with a map of names only (no "0", "1", ...) the number is the
    // position.
    const auto position = data.classes_are_indices() && !any_number ? parse<uint32_t>(name) : std::nullopt;
    out.push_back(it != number_of.end()                        ? it->second
                  : position && *position < task.labels.size() ? static_cast<int>(*position)
                                                               : -1);
  }
  for (size_t i = 0; i < data.size(); ++i) {
    const int c = data.class_of(i);
    if (c >= 0 && out[static_cast<size_t>(c)] >= 0) continue;
    if (c < 0)
      fail(ErrorCode::kInvalidArgument, "{}: the target is not a class, as the task asks for", data.where(i));
    const std::vector<std::string> some(
        task.labels.begin(), task.labels.begin() + std::min<std::ptrdiff_t>(10, std::ssize(task.labels)));
    fail(ErrorCode::kInvalidArgument, "{}: label \"{}\" is not in the model's label map ({}{})",
         data.where(i), data.class_names()[static_cast<size_t>(c)], join(some, ", "),
         task.labels.size() > 10 ? ", ..." : "");
  }
  return out;
}

}  // namespace dunlin
