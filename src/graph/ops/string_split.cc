#include <algorithm>

#include "graph/op.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";

/// As Python's str.split(): without a delimiter at every run of white space, of which none counts at the ends.
std::vector<std::string> split(std::string_view text, std::string_view delimiter, uint64_t most) {
  std::vector<std::string> parts;
  if (delimiter.empty()) text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  if (delimiter.empty() && text.empty()) return parts;
  while (parts.size() < most) {
    const size_t at = delimiter.empty() ? text.find_first_of(kSpace) : text.find(delimiter);
    if (at == std::string_view::npos) break;
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + std::max<size_t>(delimiter.size(), 1));
    if (!delimiter.empty()) continue;
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    if (text.empty()) return parts;
  }
  parts.emplace_back(text);
  return parts;
}

}  // namespace

/// x [...] of strings -> y [..., n] with the parts of each, "" behind the last; how many parts each has.
extern constexpr OpDef kStringSplit{
    .name = "StringSplit",
    .since = 20,
    .source = "ONNX StringSplit",
    .infer =
        [](const InferArgs& a) {
          if (const Format f = a.format(0); f && f != &formats::kString)
            a.error("x is {}, strings are expected", f->name);
          Shape parts = a.shape(0);
          parts.push_back(kUnknownDim);
          return std::vector<Type>{{.format = &formats::kString, .shape = parts},
                                   {.format = &formats::kI64, .shape = a.shape(0)}};
        },
    .forward =
        [](const OpCall& c) {
          const std::string delimiter = c.attr_string("delimiter", "");
          const int64_t most = c.attr_int("maxsplit", -1);
          const auto counts = c.out<int64_t>(1);
          std::vector<std::vector<std::string>> all;
          size_t widest = 0, bytes = 0;
          for (const std::string& s : c.input(0).strings()) {
            all.push_back(split(s, delimiter, most < 0 ? UINT64_MAX : static_cast<uint64_t>(most)));
            counts[all.size() - 1] = static_cast<int64_t>(all.back().size());
            widest = std::max(widest, all.back().size());
            bytes += s.size() + sizeof(s) * all.back().size();
          }
          bytes += sizeof(std::string) * widest * all.size();  // at most: rows are as long as the longest
          if (bytes > c.context().max_bytes)
            c.exhausted("its output takes {} bytes, {} are left for this run", bytes, c.context().max_bytes);
          std::vector<std::string> out;
          for (std::vector<std::string>& parts : all) {
            parts.resize(widest);
            std::move(parts.begin(), parts.end(), std::back_inserter(out));
          }
          Shape shape = c.input(0).shape();
          shape.push_back(static_cast<int64_t>(widest));
          c.give_strings(0, std::move(shape), std::move(out));
        },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
