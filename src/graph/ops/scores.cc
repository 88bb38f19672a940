#include "graph/ops/scores.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {

constexpr std::string_view kNames[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};

double logistic(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

/// Where the normal distribution function is p: Winitzki's estimate of it, then Newton's steps.
double probit(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
  if (p > 0.5) return -probit(1 - p);
  constexpr double kA = 0.147;
  const double u = std::log(4 * p * (1 - p)), v = 2 / (std::numbers::pi * kA) + u / 2;
  double x = -std::numbers::sqrt2 * std::sqrt(std::max(std::sqrt(v * v - u / kA) - v, 0.0));
  for (int i = 0; i < 4; ++i) {
    const double below = std::erfc(-x / std::numbers::sqrt2) / 2;
    const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
    const double step = (below - p) / density;
    if (!std::isfinite(step)) break;  // so far out that the density is 0
    x -= step;
  }
  return x;
}

/// Scores of 0 stay 0 in SOFTMAX_ZERO, and nothing else counts them.
void softmax(std::span<double> scores, bool zeros_stay) {
  constexpr double kZero = 1e-7;
  double largest = -INFINITY, sum = 0;
  for (double s : scores) largest = std::max(largest, s);
  for (double& s : scores) {
    s = zeros_stay && std::fabs(s) <= kZero ? 0 : std::exp(s - largest);
    sum += s;
  }
  if (zeros_stay && sum == 0) return;
  for (double& s : scores) s /= sum;
}

}  // namespace

PostTransform post_transform_of(const NodeView& a) {
  const std::string name = a.attr_string("post_transform", "NONE");
  const auto* it = std::ranges::find(kNames, name);
  if (it == std::end(kNames))
    a.error("post_transform is \"{}\", NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT is expected", name);
  return static_cast<PostTransform>(it - std::begin(kNames));
}

void transform_scores(PostTransform how, std::span<double> scores) {
  switch (how) {
    case PostTransform::kNone:
      return;
    case PostTransform::kSoftmax:
    case PostTransform::kSoftmaxZero:
      return softmax(scores, how == PostTransform::kSoftmaxZero);
    case PostTransform::kLogistic:
      for (double& s : scores) s = logistic(s);
      return;
    case PostTransform::kProbit:
      for (double& s : scores) s = probit(s);
  }
}

std::array<double, 2> two_scores(PostTransform how, double score) {
  if (how == PostTransform::kLogistic) return {logistic(-score), logistic(score)};
  if (how == PostTransform::kProbit) return {probit(1 - score), probit(score)};
  return {1 - score, score};
}

ClassLabels class_labels_of(const NodeView& a, std::string_view integers, std::string_view strings) {
  ClassLabels out;
  if (const auto* list = find_attribute<std::vector<int64_t>>(a.node(), integers)) out.integers = *list;
  if (const auto* list = find_attribute<std::vector<std::string>>(a.node(), strings)) out.strings = *list;
  if (out.integers.empty() == out.strings.empty())
    a.error("has {} of {} and {}, one is expected", out.integers.empty() ? "none" : "both", integers,
            strings);
  out.are_strings = !out.strings.empty();
  return out;
}

void give_labels(const OpCall& c, const ClassLabels& labels, std::span<const size_t> picked) {
  if (!labels.are_strings) {
    const auto y = c.out<int64_t>(0);
    for (size_t i = 0; i < picked.size(); ++i) y[i] = labels.integers[picked[i]];
    return;
  }
  double bytes = 0;
  for (size_t p : picked) bytes += static_cast<double>(sizeof(std::string) + labels.strings[p].size());
  check_scratch(c, bytes);
  std::vector<std::string> y;
  y.reserve(picked.size());
  for (size_t p : picked) y.push_back(labels.strings[p]);
  c.give_strings(0, {static_cast<int64_t>(picked.size())}, std::move(y));
}

}  // namespace dunlin::ops
