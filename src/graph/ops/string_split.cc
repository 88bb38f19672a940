#include <algorithm>

#include "graph/op.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";

/// Hands on each part. As Python's str.split(): without a delimiter at every run of white space, of which none counts
/// at the ends.
template <typename F>
void for_each_part(std::string_view text, std::string_view delimiter, uint64_t most, const F& take) {
  if (delimiter.empty()) text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  if (delimiter.empty() && text.empty()) return;
  for (uint64_t parts = 0; parts < most; ++parts) {
    const size_t at = delimiter.empty() ? text.find_first_of(kSpace) : text.find(delimiter);
    if (at == std::string_view::npos) break;
    take(text.substr(0, at));
    text.remove_prefix(at + std::max<size_t>(delimiter.size(), 1));
    if (!delimiter.empty()) continue;
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    if (text.empty()) return;
  }
  take(text);
}

}  // namespace

/// x [...] of strings -> y [..., n] with the parts of each, "" behind the last; how many parts each has.
extern constexpr OpDef kStringSplit{
    .name = "StringSplit",
    .since = 20,
    .source = "ONNX StringSplit",
    .inputs = 1,
    .outputs = 2,
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
          const int64_t maxsplit = c.attr_int("maxsplit", -1);
          const uint64_t most = maxsplit < 0 ? UINT64_MAX : static_cast<uint64_t>(maxsplit);
          const std::span<const std::string> rows = c.input(0).strings();
          const auto counts = c.out<int64_t>(1);
          size_t widest = 0;
          double bytes = 0;
          for (size_t i = 0; i < rows.size(); ++i) {
            size_t parts = 0;
            for_each_part(rows[i], delimiter, most, [&](std::string_view part) {
              ++parts;
              bytes += static_cast<double>(part.size());
            });
            counts[i] = static_cast<int64_t>(parts);
            widest = std::max(widest, parts);
          }
          // Before any part is made: rows are as long as the longest.
          bytes += static_cast<double>(sizeof(std::string)) * static_cast<double>(widest) *
                   static_cast<double>(rows.size());
          if (bytes > static_cast<double>(c.context().max_bytes))
            c.exhausted("its output takes {:.0f} bytes, {} are left for this run", bytes,
                        c.context().max_bytes);
          std::vector<std::string> out;
          out.reserve(widest * rows.size());
          for (size_t i = 0; i < rows.size(); ++i) {
            for_each_part(rows[i], delimiter, most, [&](std::string_view part) { out.emplace_back(part); });
            out.resize((i + 1) * widest);
          }
          Shape shape = c.input(0).shape();
          shape.push_back(static_cast<int64_t>(widest));
          c.give_strings(0, std::move(shape), std::move(out));
        },
    .stops_gradient = true,
    .strings = Strings::kTaken};

}  // namespace dunlin::ops
