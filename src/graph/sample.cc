#include "graph/sample.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "graph/support.h"

namespace dunlin {

namespace {

/// A cursor over the text; every fault is a fault of ours, since samples are compiled in.
struct Text {
  std::string_view rest;

  bool done() {
    while (!rest.empty() && (rest[0] == ' ' || rest[0] == ',')) rest.remove_prefix(1);
    return rest.empty();
  }
  bool take(std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
  }
  std::string_view until(std::string_view stops) {
    const size_t n = std::min(rest.find_first_of(stops), rest.size());
    const std::string_view word = rest.substr(0, n);
    rest.remove_prefix(n);
    return word;
  }
};

double number(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  DUNLIN_CHECK(error == std::errc() && end == word.data() + word.size());
  return value;
}

bool is_float(std::string_view word) { return word.find_first_of(".einf") != std::string_view::npos; }

std::vector<double> numbers(Text text) {
  std::vector<double> out;
  while (!text.done()) out.push_back(number(text.until(" ,")));
  return out;
}

void put(Tensor& t, size_t i, double value) {
  for_format(t.format(),
             [&]<typename T>() { t.data<T>()[i] = static_cast<T>(static_cast<ComputeType<T>>(value)); });
}

}  // namespace

Attributes parse_attributes(std::string_view words) {
  Attributes out;
  for (Text text{words}; !text.done();) {
    const std::string name(text.until("="));
    DUNLIN_CHECK(text.take("="));
    if (text.take("[")) {
      const std::string_view list = text.until("]");
      DUNLIN_CHECK(text.take("]"));
      if (list.starts_with("'")) {
        std::vector<std::string> words;
        for (Text rest{list}; !rest.done();) words.emplace_back(rest.until(" ,"));
        for (std::string& word : words) word = word.substr(1, word.size() - 2);
        out[name] = std::move(words);
        continue;
      }
      const std::vector<double> v = numbers({list});
      if (is_float(list))
        out[name] = std::vector<float>(v.begin(), v.end());
      else
        out[name] = std::vector<int64_t>(v.begin(), v.end());
    } else if (text.take("'")) {
      out[name] = std::string(text.until("'"));
      DUNLIN_CHECK(text.take("'"));
    } else {
      const std::string_view word = text.until(" ");
      if (is_float(word))
        out[name] = static_cast<float>(number(word));
      else
        out[name] = static_cast<int64_t>(number(word));
    }
  }
  return out;
}

int opset_of(const OpDef& op, const Sample& sample) {
  const int newest = newest_opset(op.domain);
  return op.domain.empty() ? sample.opset : newest > 0 ? std::min(sample.opset, newest) : 1;
}

SampleCase make_sample(const OpDef& op, const Sample& sample, uint64_t seed, Format floats_as) {
  SampleCase out;
  Graph& g = out.graph;
  g.opsets[std::string(op.domain)] = opset_of(op, sample);
  Node node;
  node.op = op.name;
  node.domain = op.domain;
  node.name = "sample";
  node.attributes = parse_attributes(sample.attributes);
  Philox rng(seed);
  for (Text text{sample.inputs}; !text.done();) {
    if (text.take("_")) {
      node.inputs.push_back(kNoValue);
      continue;
    }
    Format format = find_format(text.until("[{ @"));
    DUNLIN_CHECK(format != nullptr);
    if (floats_as && format == &formats::kF32) format = floats_as;
    std::optional<Shape> shape;
    if (text.take("[")) {
      shape.emplace();
      for (double d : numbers({text.until("]")})) shape->push_back(static_cast<int64_t>(d));
      text.take("]");
    }
    const std::string name = fmt::format("in{}", node.inputs.size());
    if (text.take("{")) {
      const std::vector<double> v = numbers({text.until("}")});
      text.take("}");
      auto t = std::make_shared<Tensor>(format, shape ? *shape : Shape{static_cast<int64_t>(v.size())});
      for (size_t i = 0; i < v.size(); ++i) put(*t, i, v[i]);
      node.inputs.push_back(g.add_initializer(name, std::move(t)));
      continue;
    }
    double lo = -1, hi = 1;
    if (text.take("@")) {
      lo = number(text.until("."));
      // "lo..hi" with whole numbers, so that one dot never belongs to a number.
      text.take("..");
      hi = number(text.until(" "));
    }
    DUNLIN_CHECK(shape.has_value());
    Tensor t(format, *shape);
    const bool whole = format->kind != FormatDef::Kind::kFloat;
    for (size_t i = 0; i < static_cast<size_t>(t.num_elements()); ++i) {
      const double x = lo + (hi - lo) * rng.uniform_double();
      put(t, i, whole ? std::floor(x) : x);
    }
    node.inputs.push_back(g.add_value(name, {.format = format, .shape = *shape}));
    g.inputs.push_back(node.inputs.back());
    out.inputs.push_back(std::move(t));
  }
  for (int i = 0; i < sample.outputs; ++i) {
    node.outputs.push_back(g.add_value(fmt::format("out{}", i)));
    g.outputs.push_back(node.outputs.back());
  }
  node.outputs.resize(std::max(node.outputs.size(), static_cast<size_t>(op.outputs.least)), kNoValue);
  g.nodes.push_back(std::move(node));
  return out;
}

}  // namespace dunlin
