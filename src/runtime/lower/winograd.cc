#include "runtime/lower/winograd.h"

#include "kernels/winograd/winograd.h"

namespace dunlin::lower {

std::optional<Lowered> winograd_step(const LowerContext& c, const ConvShape& s, Lowered l,
                                     const std::function<Epilogue(const StepArgs&)>& epilogue) {
  const Isa isa = c.isa();
  if (!c.winograd() || !c.constant(1)) return std::nullopt;
  const std::optional<WinogradTile> chosen = winograd_tile(isa, s);
  if (!chosen) return std::nullopt;
  const WinogradTile tile = *chosen;
  // They are up to four times as large as the weights: only where there is room enough.
  const size_t floats = winograd_packed_floats(isa, s, tile);
  if (floats > c.packed().bytes_left() / 2 / sizeof(float)) return std::nullopt;
  const PackedWeight w = pack_weight(
      c, 1, floats, fmt::format("winograd {}", static_cast<int>(tile)),
      [&](ThreadPool& pool, const float* from, float* to) { winograd_pack(isa, pool, s, tile, from, to); });
  l.kernel = "winograd";
  l.scratch_bytes = scratch_for(winograd_scratch_floats(isa, s, tile, c.num_threads()));
  l.packed_bytes = w.bytes();
  l.unread = 0b10;
  l.run = [=](const StepArgs& args) {
    winograd_forward(isa, args.pool, s, tile, args.x(0), w.packed->data<float>(), args.y(0), epilogue(args),
                     args.scratch_floats());
  };
  return l;
}

}  // namespace dunlin::lower
