#include "shapes.h"

#include <charconv>

#include "arguments.h"
#include "base/error.h"
#include "base/random.h"

namespace dunlin::cli {

std::map<std::string, Shape, std::less<>> parse_shapes(const std::vector<std::string>& words) {
  std::map<std::string, Shape, std::less<>> given;
  for (const std::string& word : words) {
    const size_t at = word.find('=');
    Shape shape;
    const char *p = word.data() + at + 1, *const end = word.data() + word.size();
    bool good = at != std::string::npos && at > 0 && p < end && *(end - 1) != 'x';
    while (good && p < end) {
      int64_t d = 0;
      const auto [next, error] = std::from_chars(p, end, d);
      good = error == std::errc() && d >= 0 && (next == end || *next == 'x');
      shape.push_back(d);
      p = next + 1;
    }
    if (!good) throw UsageError("--shape " + word + ": NAME=1x3x224x224 is expected");
    given[word.substr(0, at)] = shape;
  }
  return given;
}

std::map<std::string, Shape> input_shapes(const Session& session, const std::vector<std::string>& words,
                                          int64_t batch) {
  auto given = parse_shapes(words);
  std::map<std::string, Shape> out;
  for (const ValueInfo& input : session.inputs()) {
    if (input.sequence || input.optional) continue;  // known only in a run
    Shape shape = input.shape;
    if (const auto it = given.find(input.name); it != given.end()) {
      shape = it->second;
      given.erase(it);
    } else if (input.rank_known && shape.rank() > 0 && shape[0] < 0) {
      shape[0] = batch;
    }
    if (!input.rank_known || !shape.known())
      fail(ErrorCode::kInvalidArgument, "input \"{}\" is {}: say its size with --shape {}=1x...", input.name,
           to_string(shape), input.name);
    out[input.name] = shape;
  }
  if (!given.empty())
    fail(ErrorCode::kInvalidArgument, "--shape: the model has no input \"{}\"", given.begin()->first);
  return out;
}

std::map<std::string, Tensor> random_inputs(const Session& session,
                                            const std::map<std::string, Shape>& shapes) {
  std::map<std::string, Tensor> out;
  Philox rng(1);
  for (const ValueInfo& input : session.inputs()) {
    if (!shapes.contains(input.name))
      fail(ErrorCode::kUnsupported, "input \"{}\" is {}: only tensors can be made up for a measurement",
           input.name, input.sequence ? "a sequence" : "optional");
    Tensor t(input.format, shapes.at(input.name));
    if (input.format == format_of<float>())
      for (int64_t i = 0; i < t.num_elements(); ++i) t.data<float>()[i] = static_cast<float>(rng.normal());
    out.emplace(input.name, std::move(t));
  }
  return out;
}

}  // namespace dunlin::cli
