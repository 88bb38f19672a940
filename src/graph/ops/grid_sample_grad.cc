#include "graph/ops/grid_sample.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "f32[1,2,3,2] f32[1,2,4,4] f32[1,3,2,2]@-1..1", 21, 2},
    {"mode='cubic' padding_mode='border'", "f32[1,1,3,2] f32[1,1,4,4] f32[1,3,2,2]@-1..1", 21, 2}};

void forward(const OpCall& c) {
  const GridSampler sampler(c, c.input(1).shape(), c.input(2).shape());
  const GridSizes s = grid_sizes(c.input(1).shape(), sampler.y());
  if (c.input(0).shape() != sampler.y())
    c.error("dy is {}, {} is expected", to_string(c.input(0).shape()), to_string(sampler.y()));
  if (c.input(0).num_elements() == 0) return;
  const std::vector<double> dy = to_doubles(c.input(0)), x = to_doubles(c.input(1)),
                            grid = to_doubles(c.input(2));
  const bool to_x = c.has_output(0), to_grid = c.has_output(1);
  std::vector<double> dx(to_x ? x.size() : 0, 0.0), dgrid(to_grid ? grid.size() : 0, 0.0);
  std::vector<GridSampler::Read> reads;
  const auto axes = static_cast<size_t>(sampler.axes());
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t o = 0; o < s.out; ++o) {
      const size_t point = static_cast<size_t>(n * s.out + o) * axes;
      sampler.reads(grid.data() + point, reads);
      for (int64_t k = n * s.c; k < (n + 1) * s.c; ++k) {
        const double d = dy[static_cast<size_t>(k * s.out + o)];
        for (const GridSampler::Read& r : reads) {
          const auto at = static_cast<size_t>(k * s.in + r.offset);
          if (to_x) dx[at] += d * r.weight;
          for (size_t a = 0; to_grid && a < axes; ++a) dgrid[point + a] += d * r.slope[a] * x[at];
        }
      }
    }
  store_doubles(c, 0, dx);
  store_doubles(c, 1, dgrid);
}

}  // namespace

/// dy, X, grid -> dX, dgrid, either of which may be left out. Attributes of GridSample.
extern constexpr OpDef kGridSampleGrad{.name = "GridSampleGrad",
                                       .domain = kDunlinDomain,
                                       .source = "adjoint of ONNX GridSample",
                                       .inputs = 3,
                                       .outputs = {1, 2},
                                       .infer =
                                           [](const InferArgs& a) {
                                             std::vector<Type> out{a.type(1), a.type(2)};
                                             out.resize(static_cast<size_t>(std::min(a.num_outputs(), 2)));
                                             return out;
                                           },
                                       .forward = forward,
                                       .samples = kSamples};

}  // namespace dunlin::ops
