#include "learn/partition.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace dunlin {

namespace {

// Streams of the seed, so that a partition and a split with one seed do not draw the same numbers.
constexpr uint64_t kUniformStream = 0x1000, kSplitStream = 0x2000, kDirichletStream = 0x10000;
constexpr int kMaxDraws = 64;

template <typename T>
T parse_number(std::string_view text, const std::string& whole) {
  T value{};
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || p != text.data() + text.size())
    fail(ErrorCode::kInvalidArgument, "\"{}\": \"{}\" is not a number", whole, text);
  return value;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (size_t from = 0;;) {
    const size_t at = text.find(separator, from);
    out.push_back(text.substr(from, at == std::string_view::npos ? at : at - from));
    if (at == std::string_view::npos) return out;
    from = at + 1;
  }
}

/// A lone sample, or all samples of a group.
struct Unit {
  size_t begin, end;  // in Units::samples
  int class_index;    // of the first sample

  size_t size() const { return end - begin; }
};

/// In order of their first sample. One array holds the samples of all: there may be millions.
struct Units {
  std::vector<size_t> samples;
  std::vector<Unit> units;

  size_t size() const { return units.size(); }
  void append(size_t unit, std::vector<size_t>& to) const {
    const auto begin = samples.begin();
    to.insert(to.end(), begin + static_cast<std::ptrdiff_t>(units[unit].begin),
              begin + static_cast<std::ptrdiff_t>(units[unit].end));
  }
};

Units units_of(const Dataset& data) {
  std::vector<size_t> unit_of(data.size());
  Units out;
  std::map<std::string, size_t, std::less<>> of_group;
  for (size_t i = 0; i < data.size(); ++i) {
    const std::string_view group = data.group(i);
    unit_of[i] = out.size();
    if (!group.empty()) unit_of[i] = of_group.try_emplace(std::string(group), out.size()).first->second;
    if (unit_of[i] == out.size()) out.units.push_back({0, 0, data.class_of(i)});
    ++out.units[unit_of[i]].end;  // the size, for now
  }
  size_t at = 0;
  for (Unit& u : out.units) {
    const size_t size = u.end;
    u.begin = u.end = at;
    at += size;
  }
  out.samples.resize(data.size());
  for (size_t i = 0; i < data.size(); ++i) out.samples[out.units[unit_of[i]].end++] = i;
  return out;
}

using Shares = std::vector<std::vector<size_t>>;

/// Cuts `units` (numbers into `all`) where the running count of samples passes the running proportion.
void deal(const Units& all, const std::vector<size_t>& units, const std::vector<double>& proportions,
          Shares& out) {
  size_t total = 0, dealt = 0;
  for (const size_t u : units) total += all.units[u].size();
  size_t share = 0;
  double end = proportions[0] * static_cast<double>(total);
  for (const size_t u : units) {
    const double middle = static_cast<double>(dealt) + static_cast<double>(all.units[u].size()) / 2;
    while (share + 1 < out.size() && middle >= end) end += proportions[++share] * static_cast<double>(total);
    all.append(u, out[share]);
    dealt += all.units[u].size();
  }
}

Shares draw_uniform(const Units& units, uint64_t seed, size_t shares) {
  std::vector<size_t> order(units.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Philox rng(seed, kUniformStream);
  shuffle(std::span(order), rng);
  Shares out(shares);
  deal(units, order, std::vector<double>(shares, 1.0 / static_cast<double>(shares)), out);
  return out;
}

Shares draw_dirichlet(const Dataset& data, const Units& units, double alpha, uint64_t seed, uint64_t draw,
                      size_t shares) {
  // By name, so that a class keeps its place whatever order a reader lists names in; -1 (no class) is one
  // more.
  std::map<std::string, std::vector<size_t>> by_class;
  for (size_t u = 0; u < units.size(); ++u) {
    const int c = units.units[u].class_index;
    by_class[c < 0 ? "" : data.class_names()[static_cast<size_t>(c)]].push_back(u);
  }
  Philox rng(seed, kDirichletStream + draw);
  Shares out(shares);
  for (auto& [name, members] : by_class) {
    std::vector<double> proportions(shares);
    double sum = 0;
    for (double& p : proportions) sum += p = rng.gamma(alpha);
    if (sum > 0)
      for (double& p : proportions) p /= sum;
    else  // alpha so small that every draw underflows: all of it goes to one share
      proportions[rng.below(shares)] = 1;
    shuffle(std::span(members), rng);
    deal(units, members, proportions, out);
  }
  return out;
}

}  // namespace

PartitionSpec PartitionSpec::parse(const std::string& text) {
  const auto fields = split_at(text, ':');
  PartitionSpec spec;
  if (fields[0] == "uniform" && fields.size() <= 2) {
    if (fields.size() == 2) spec.seed = parse_number<uint64_t>(fields[1], text);
    return spec;
  }
  if (fields[0] == "dirichlet" && (fields.size() == 2 || fields.size() == 3)) {
    spec.alpha = parse_number<double>(fields[1], text);
    if (!(*spec.alpha > 0) || !std::isfinite(*spec.alpha))
      fail(ErrorCode::kInvalidArgument, "\"{}\": ALPHA is above 0", text);
    if (fields.size() == 3) spec.seed = parse_number<uint64_t>(fields[2], text);
    return spec;
  }
  fail(ErrorCode::kInvalidArgument, "\"{}\": uniform:SEED or dirichlet:ALPHA:SEED is expected", text);
}

DataShare DataShare::parse(const std::string& text) {
  const auto fields = split_at(text, '/');
  if (fields.size() != 2) fail(ErrorCode::kInvalidArgument, "\"{}\": a share is I/N, such as 1/8", text);
  const size_t number = parse_number<size_t>(fields[0], text), count = parse_number<size_t>(fields[1], text);
  if (number < 1 || number > count)
    fail(ErrorCode::kInvalidArgument, "\"{}\": shares are numbered 1 to {}", text, count);
  return {number - 1, count};
}

std::vector<std::vector<size_t>> partition(const Dataset& data, const PartitionSpec& spec, size_t shares) {
  if (shares == 0) fail(ErrorCode::kInvalidArgument, "partition: 0 shares");
  const Units units = units_of(data);
  Shares out;
  for (uint64_t draw = 0;; ++draw) {
    out = spec.alpha ? draw_dirichlet(data, units, *spec.alpha, spec.seed, draw, shares)
                     : draw_uniform(units, spec.seed, shares);
    const bool empty = std::any_of(out.begin(), out.end(), [](const auto& s) { return s.empty(); });
    if (!empty || !spec.alpha || units.size() < shares || draw + 1 == kMaxDraws) break;
  }
  for (auto& share : out) std::sort(share.begin(), share.end());
  return out;
}

std::vector<size_t> samples_of_share(const Dataset& data, const PartitionSpec& spec, DataShare share) {
  auto all = partition(data, spec, share.count);
  if (share.index >= all.size())
    fail(ErrorCode::kInvalidArgument, "share {} of {}: there is no such share", share.index + 1, share.count);
  if (all[share.index].empty())
    fail(ErrorCode::kFailedPrecondition,
         "share {}/{} is empty: {} samples do not reach every share; ask for fewer shares", share.index + 1,
         share.count, data.size());
  return std::move(all[share.index]);
}

DatasetPtr take_share(const DatasetPtr& data, const PartitionSpec& spec, DataShare share) {
  return std::make_shared<Subset>(data, samples_of_share(*data, spec, share));
}

HeldOutSplit split_held_out(const DatasetPtr& data, double fraction, uint64_t seed) {
  if (!(fraction >= 0 && fraction <= 1))
    fail(ErrorCode::kInvalidArgument, "split: the held-out fraction is {}, 0 to 1 is expected", fraction);
  Units units = units_of(*data);
  Philox rng(seed, kSplitStream);
  shuffle(std::span(units.units), rng);
  const double wanted = fraction * static_cast<double>(data->size());
  std::vector<size_t> train, held_out;
  for (size_t u = 0; u < units.size(); ++u) {
    const double middle =
        static_cast<double>(held_out.size()) + static_cast<double>(units.units[u].size()) / 2;
    const bool first = u == 0 && fraction > 0, last = u + 1 == units.size() && train.empty() && fraction < 1;
    std::vector<size_t>& side = (first && units.size() > 1) || (middle <= wanted && !last) ? held_out : train;
    units.append(u, side);
  }
  std::sort(train.begin(), train.end());
  std::sort(held_out.begin(), held_out.end());
  return {std::make_shared<Subset>(data, std::move(train)),
          std::make_shared<Subset>(data, std::move(held_out))};
}

}  // namespace dunlin
