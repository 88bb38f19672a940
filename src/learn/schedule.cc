#include "learn/schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"

namespace dunlin {

namespace {

template <typename T>
bool read_number(std::string_view text, T& out) {
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && p == text.data() + text.size();
}

}  // namespace

Schedule Schedule::parse(const std::string& text) {
  const auto bad = [&] {
    fail(ErrorCode::kInvalidArgument,
         "schedule \"{}\": constant, step:EPOCHS:FACTOR, cosine or cosine:FINAL is expected, "
         "with ,warmup=STEPS if wanted",
         text);
  };
  std::string_view head = text;
  Schedule s;
  if (const size_t comma = head.find(','); comma != std::string_view::npos) {
    constexpr std::string_view kWarmup = ",warmup=";
    const std::string_view tail = head.substr(comma);
    if (!tail.starts_with(kWarmup) || !read_number(tail.substr(kWarmup.size()), s.warmup_steps) ||
        s.warmup_steps < 0)
      bad();
    head = head.substr(0, comma);
  }
  std::vector<std::string_view> fields;
  for (;;) {
    const size_t colon = head.find(':');
    fields.push_back(head.substr(0, colon));
    if (colon == std::string_view::npos) break;
    head.remove_prefix(colon + 1);
  }
  if (fields[0] == "constant" && fields.size() == 1) {
    s.kind = Kind::kConstant;
  } else if (fields[0] == "step" && fields.size() == 3) {
    s.kind = Kind::kStep;
    if (!read_number(fields[1], s.every_epochs) || s.every_epochs < 1) bad();
    if (!read_number(fields[2], s.factor) || !(s.factor > 0 && s.factor <= 1)) bad();
  } else if (fields[0] == "cosine" && fields.size() <= 2) {
    s.kind = Kind::kCosine;
    if (fields.size() == 2 &&
        (!read_number(fields[1], s.final_fraction) || !(s.final_fraction >= 0 && s.final_fraction <= 1)))
      bad();
  } else {
    bad();
  }
  return s;
}

std::string Schedule::to_text() const {
  std::string out = kind == Kind::kConstant ? "constant"
                    : kind == Kind::kStep   ? fmt::format("step:{}:{}", every_epochs, factor)
                                            : fmt::format("cosine:{}", final_fraction);
  if (warmup_steps > 0) out += fmt::format(",warmup={}", warmup_steps);
  return out;
}

double Schedule::rate(double base, int64_t step, int64_t total_steps, int64_t steps_per_epoch) const {
  if (step < warmup_steps) return base * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  switch (kind) {
    case Kind::kConstant:
      return base;
    case Kind::kStep:
      return base * std::pow(factor, static_cast<double>(step / std::max<int64_t>(1, steps_per_epoch) /
                                                         every_epochs));
    case Kind::kCosine: {
      const double length = static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps)),
                   at = std::min(1.0, static_cast<double>(step - warmup_steps) / length);
      return base * (final_fraction + (1 - final_fraction) * 0.5 * (1 + std::cos(std::numbers::pi * at)));
    }
  }
  return base;
}

}  // namespace dunlin
