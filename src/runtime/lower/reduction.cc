// Reductions over any set of axes, as a chain of reductions over one axis of [outer, reduced, inner].
#include "kernels/reduce/reduce.h"

#include <cmath>

#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

/// Axes in the order of memory, neighbours of one kind joined; true: reduced.
std::vector<std::pair<size_t, bool>> groups_of(const Shape& x, const std::vector<bool>& reduced,
                                               Layout layout) {
  std::vector<int> order;
  for (int d = 0; d < x.rank(); ++d) order.push_back(d);
  if (layout == Layout::kChannelsLast && !layouts_agree(x)) {
    order.erase(order.begin() + 1);
    order.push_back(1);
  }
  std::vector<std::pair<size_t, bool>> groups;
  for (int d : order) {
    if (x[d] == 1) continue;
    const bool r = reduced[static_cast<size_t>(d)];
    if (!groups.empty() && groups.back().second == r)
      groups.back().first *= static_cast<size_t>(x[d]);
    else
      groups.emplace_back(static_cast<size_t>(x[d]), r);
  }
  return groups;
}

/// Channels last is kept when the result's elements then lie as its own layout says.
Layout wanted_layout(const LowerContext& c, const std::vector<bool>& reduced) {
  const Shape& x = c.shape(0);
  if (c.layout(0) != Layout::kChannelsLast || c.out_shape(0).rank() == x.rank()) return c.layout(0);
  bool pixels_stay = false;
  for (int d = 2; d < x.rank(); ++d) pixels_stay |= !reduced[static_cast<size_t>(d)] && x[d] > 1;
  return pixels_stay && !reduced[1] ? Layout::kRowMajor : Layout::kChannelsLast;
}

std::optional<Lowered> reduce_axes(const LowerContext& c, const std::vector<bool>& reduced, ReduceOp op,
                                   bool root) {
  const Layout layout = wanted_layout(c, reduced);
  const Layout out = c.out_shape(0).rank() == c.shape(0).rank() ? layout : Layout::kRowMajor;
  auto groups = groups_of(c.shape(0), reduced, layout);
  std::vector<ReduceDims> chain;
  for (size_t i = groups.size(); i-- > 0;) {
    if (!groups[i].second) continue;
    ReduceDims d{1, groups[i].first, 1};
    for (size_t k = 0; k < i; ++k) d.outer *= groups[k].first;
    for (size_t k = i + 1; k < groups.size(); ++k)
      if (!groups[k].second) d.inner *= groups[k].first;
    chain.push_back(d);
  }
  if (chain.empty()) {
    if (op == ReduceOp::kSumSquares)
      chain.push_back({1, 1, elements(c.shape(0))});
    else
      return Lowered{.kernel = "view", .run = {}, .in = {layout}, .out = {out}, .unread = ~1u, .view = true};
  }
  uint64_t between = 0, scratch = 0;
  for (size_t i = 0; i < chain.size(); ++i) {
    scratch = std::max(scratch, scratch_for(reduce_scratch(chain[i])));
    if (i + 1 < chain.size()) between = std::max(between, scratch_for(chain[i].outer * chain[i].inner));
  }
  const Isa isa = c.isa();
  const size_t n = elements(c.out_shape(0));
  return Lowered{.kernel = "reduce",
                 .run =
                     [=](const StepArgs& args) {
                       const float* from = args.x(0);
                       ReduceOp now = op;
                       for (size_t i = 0; i < chain.size(); ++i) {
                         float* to = i + 1 == chain.size()
                                         ? args.y(0)
                                         : reinterpret_cast<float*>(args.scratch + (i % 2) * between);
                         reduce(args.pool, isa, now, chain[i], from,
                                reinterpret_cast<float*>(args.scratch + 2 * between), to);
                         if (now == ReduceOp::kSumSquares) now = ReduceOp::kSum;
                         from = to;
                       }
                       if (root)
                         for (size_t i = 0; i < n; ++i) args.y(0)[i] = std::sqrt(args.y(0)[i]);
                     },
                 .in = {layout},
                 .out = {out},
                 .unread = ~1u,
                 .scratch_bytes = 2 * between + scratch};
}

template <ReduceOp op, bool root = false>
std::optional<Lowered> reduce_step(const LowerContext& c) {
  if (c.format(0) != &formats::kF32 || (c.has_input(1) && !c.constant(1))) return std::nullopt;
  const Shape& x = c.shape(0);
  const auto axes = c.ints("axes", 1);
  std::vector<bool> reduced(static_cast<size_t>(x.rank()), false);
  if (!axes || axes->empty()) {
    if (c.attr_int("noop_with_empty_axes", 0) == 0) reduced.assign(reduced.size(), true);
  } else {
    for (int64_t axis : *axes) reduced[static_cast<size_t>(c.normalize_axis(axis, x.rank()))] = true;
  }
  return reduce_axes(c, reduced, op, root);
}

/// x, like: sums over the axes along which `like` was repeated.
std::optional<Lowered> sum_to(const LowerContext& c) {
  if (c.format(0) != &formats::kF32) return std::nullopt;
  const Shape &x = c.shape(0), &y = c.out_shape(0);
  std::vector<bool> reduced(static_cast<size_t>(x.rank()), false);
  for (int d = 0; d < x.rank(); ++d) {
    const int at = d - (x.rank() - y.rank());
    reduced[static_cast<size_t>(d)] = at < 0 || (y[at] == 1 && x[d] != 1);
  }
  return reduce_axes(c, reduced, ReduceOp::kSum, false);
}

constexpr LowerEntry kEntries[] = {
    {"", "ReduceL2", reduce_step<ReduceOp::kSumSquares, true>},
    {"", "ReduceMax", reduce_step<ReduceOp::kMax>},
    {"", "ReduceMean", reduce_step<ReduceOp::kMean>},
    {"", "ReduceMin", reduce_step<ReduceOp::kMin>},
    {"", "ReduceSum", reduce_step<ReduceOp::kSum>},
    {"", "ReduceSumSquare", reduce_step<ReduceOp::kSumSquares>},
    {kDunlinDomain, "SumTo", sum_to},
};

}  // namespace

std::span<const LowerEntry> reduction() { return kEntries; }

}  // namespace dunlin::lower
