#include "graph/ops/grid_sample.h"

#include <cmath>

#include "graph/autodiff/grad.h"
#include "graph/ops/checks.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[2,2,3,4] f32[2,3,2,2]@-2..2"},
    {"mode='bilinear' align_corners=1 padding_mode='border'", "f32[1,2,3,4] f32[1,3,2,2]@-2..2", 16},
    {"padding_mode='reflection'", "f32[1,1,3,4] f32[1,4,4,2]@-4..4"},
    {"padding_mode='reflection' align_corners=1 mode='cubic'", "f32[1,1,3,4] f32[1,4,4,2]@-4..4"},
    {"mode='cubic'", "f32[1,2,5,4] f32[1,3,3,2]@-2..2"},
    {"mode='nearest' padding_mode='border'", "f32[1,2,3,4] f32[1,3,3,2]@-2..2"},
    {"", "f32[1,2,2,3,2] f32[1,2,1,2,3]@-1..1"},
    {"", "f32[1,2,5] f32[1,3,1]@-1..1"},
};

/// Cubic convolution (Keys 1981) with a = -0.75 at distance t: the weight and its slope by t.
std::pair<double, double> cubic(double t) {
  constexpr double a = -0.75;
  const double d = std::fabs(t), sign = t < 0 ? -1 : 1;
  if (d <= 1) return {((a + 2) * d - (a + 3)) * d * d + 1, sign * (3 * (a + 2) * d - 2 * (a + 3)) * d};
  if (d < 2) return {((a * d - 5 * a) * d + 8 * a) * d - 4 * a, sign * ((3 * a * d - 10 * a) * d + 8 * a)};
  return {0, 0};
}

}  // namespace

GridSampler::GridSampler(const NodeView& a, const Shape& x, const Shape& grid) {
  const std::string mode = a.attr_string("mode", "linear"), padding = a.attr_string("padding_mode", "zeros");
  if (mode == "nearest")
    mode_ = Mode::kNearest;
  else if (mode == "linear" || mode == "bilinear")
    mode_ = Mode::kLinear;
  else if (mode == "cubic" || mode == "bicubic")
    mode_ = Mode::kCubic;
  else
    a.error("mode is {}, linear, nearest or cubic is expected", mode);
  if (padding == "zeros")
    padding_ = Padding::kZeros;
  else if (padding == "border")
    padding_ = Padding::kBorder;
  else if (padding == "reflection")
    padding_ = Padding::kReflection;
  else
    a.error("padding_mode is {}, zeros, border or reflection is expected", padding);
  align_corners_ = a.attr_int("align_corners", 0) != 0;
  axes_ = x.rank() - 2;
  if (axes_ < 1 || grid.rank() != x.rank() || !may_equal(x[0], grid[0]) ||
      !may_equal(grid[grid.rank() - 1], axes_))
    a.error("X is {}, the grid {}: [N, C, in...] and [N, out..., spatial axes] are expected", to_string(x),
            to_string(grid));
  if (axes_ > kMaxAxes || (a.node().domain.empty() && a.opset() < 20 && axes_ != 2))
    a.unsupported("X is {}: {} is supported", to_string(x),
                  a.opset() < 20 ? "opset 16 has two spatial axes, which" : "up to three spatial axes");
  y_ = {x[0], x[1]};
  for (int d = 0; d < axes_; ++d) {
    in_[static_cast<size_t>(d)] = x[d + 2];
    if (x[d + 2] == 0) a.error("X is {}: nothing can be sampled from it", to_string(x));
    y_.push_back(grid[d + 1]);
  }
}

std::pair<double, double> GridSampler::padded(double c, double size) const {
  double slope = 1;
  if (padding_ == Padding::kReflection) {
    const double low = align_corners_ ? 0 : -0.5, span = align_corners_ ? size - 1 : size;
    if (span == 0) return {0, 0};
    const double distance = std::fabs(c - low), turns = std::floor(distance / span);
    const double rest = distance - turns * span;
    const bool back = std::fmod(turns, 2) != 0;
    slope = (c < low ? -1 : 1) * (back ? -1 : 1);
    c = low + (back ? span - rest : rest);
  }
  // At the bounds themselves PyTorch's slope is 0.
  if (c <= 0 || c >= size - 1) slope = 0;
  return {std::fmin(std::fmax(c, 0), size - 1), slope};
}

std::vector<GridSampler::Tap> GridSampler::taps(double u, double size) const {
  double c = align_corners_ ? (u + 1) / 2 * (size - 1) : ((u + 1) * size - 1) / 2;
  double slope = (align_corners_ ? size - 1 : size) / 2;
  // Not a number, or so far out that its reflection has no place.
  if (!std::isfinite(c) && !(std::isinf(c) && padding_ != Padding::kReflection)) return {{0, NAN, NAN}};
  if (padding_ != Padding::kZeros && mode_ != Mode::kCubic) {
    const auto [inside, by_c] = padded(c, size);
    c = inside;
    slope *= by_c;
  }
  if (std::isinf(c)) c = c < 0 ? -1e9 : size + 1e9;
  std::vector<Tap> out;
  const double first = std::floor(c), t = c - first;
  if (mode_ == Mode::kNearest) {
    out.push_back({std::nearbyint(c), 1, 0});
  } else if (mode_ == Mode::kLinear) {
    out.push_back({first, 1 - t, -slope});
    out.push_back({first + 1, t, slope});
  } else {
    for (int k = -1; k <= 2; ++k) {
      const auto [weight, by_t] = cubic(t - k);
      out.push_back({first + k, weight, by_t * slope});
    }
  }
  if (padding_ != Padding::kZeros)
    for (Tap& tap : out) tap.index = std::nearbyint(padded(tap.index, size).first);
  std::erase_if(out, [&](const Tap& tap) { return tap.index < 0 || tap.index > size - 1; });
  return out;
}

void GridSampler::reads(const double* coordinates, std::vector<Read>& out) const {
  out.assign(1, {});
  std::vector<Read> next;
  for (int d = 0; d < axes_; ++d) {
    const int64_t size = in_[static_cast<size_t>(d)];
    const int component = axes_ - 1 - d;
    next.clear();
    for (const Tap& tap : taps(coordinates[component], static_cast<double>(size)))
      for (const Read& r : out) {
        Read n{r.offset * size + static_cast<int64_t>(tap.index), r.weight * tap.weight, r.slope};
        for (double& s : n.slope) s *= tap.weight;
        n.slope[static_cast<size_t>(component)] = r.weight * tap.slope;
        next.push_back(n);
      }
    out.swap(next);
  }
}

GridSizes grid_sizes(const Shape& x, const Shape& y) {
  GridSizes s{x[0], x[1], 1, 1};
  for (int d = 2; d < x.rank(); ++d) s.in *= x[d], s.out *= y[d];
  return s;
}

/// X[N,C,in...] read at the points of grid[N,out...,axes], whose coordinates lie in [-1, 1].
extern constexpr OpDef kGridSample{
    .name = "GridSample",
    .since = 16,
    .source = "ONNX GridSample",
    .inputs = 2,
    .infer =
        [](const InferArgs& a) {
          check_float(a, 0);
          check_float(a, 1);
          return std::vector<Type>{
              {.format = a.format(0), .shape = GridSampler(a, a.shape(0), a.shape(1)).y()}};
        },
    .forward =
        [](const OpCall& c) {
          const GridSampler sampler(c, c.input(0).shape(), c.input(1).shape());
          const GridSizes s = grid_sizes(c.input(0).shape(), sampler.y());
          const std::vector<double> x = to_doubles(c.input(0)), grid = to_doubles(c.input(1));
          std::vector<double> y(static_cast<size_t>(sampler.y().num_elements()), 0.0);
          if (y.empty()) return;
          std::vector<GridSampler::Read> reads;
          for (int64_t n = 0; n < s.n; ++n)
            for (int64_t o = 0; o < s.out; ++o) {
              sampler.reads(grid.data() + (n * s.out + o) * sampler.axes(), reads);
              for (int64_t k = n * s.c; k < (n + 1) * s.c; ++k)
                for (const GridSampler::Read& r : reads)
                  y[static_cast<size_t>(k * s.out + o)] +=
                      r.weight * x[static_cast<size_t>(k * s.in + r.offset)];
            }
          store_doubles(c, 0, y);
        },
    .gradient =
        [](Grad& g) {
          const auto d = g.emit_many("GridSampleGrad", {g.out_grad(0), g.in(0), g.in(1)}, g.needs(1) ? 2 : 1,
                                     g.node().attributes);
          if (!g.needs(0)) g.emitted().back().outputs[0] = kNoValue;
          g.to_input(0, d[0]);
          if (g.needs(1)) g.to_input(1, d[1]);
        },
    .samples = kSamples};

}  // namespace dunlin::ops
