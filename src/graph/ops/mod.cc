#include <cmath>

#include "graph/ops/binary_grad.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"", "i32[2,3]@-9..9 i32[3]{2,-3,5}"},
    {"fmod=1", "i32[4]@-9..9 i32[1]{4}"},
    {"", "u8[4]@0..200 u8[1]{7}"},
    {"fmod=1", "f32[2,3]@-9..9 f32[3]{2,3.5,-4}"},
};

/// The remainder has the sign of the divisor, with fmod=1 that of the dividend. By zero gives 0 for integers.
template <typename T>
T remainder_of(T x, T y, bool c_style) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (y == -1) return 0;
    const T r = static_cast<T>(x % y);
    return !c_style && r != 0 && ((r < 0) != (y < 0)) ? static_cast<T>(r + y) : r;
  } else {
    const T r = std::fmod(x, y);
    return !c_style && r != 0 && ((r < 0) != (y < 0)) ? r + y : r;
  }
}

}  // namespace

extern constexpr OpDef kMod{.name = "Mod",
                            .since = 10,
                            .source = "ONNX Mod",
                            .inputs = 2,
                            .infer = infer_broadcast,
                            .forward =
                                [](const OpCall& c) {
                                  const bool c_style = c.attr_int("fmod", 0) != 0;
                                  for_number_format(c.input(0).format(), [&]<typename T>() {
                                    map_binary<T, T>(
                                        c, [=](auto x, auto y) { return remainder_of(x, y, c_style); });
                                  });
                                },
                            .gradient =
                                [](Grad& g) {
                                  give_broadcast(g, 0, g.out_grad(0));
                                  if (!g.needs(1)) return;
                                  // x - n y with n whole.
                                  const ValueId n = g.div(g.sub(g.in(0), g.out(0)), second_input(g));
                                  give_broadcast(g, 1, g.neg(g.mul(g.out_grad(0), g.emit("Round", {n}))));
                                },
                            .samples = kSamples};

}  // namespace dunlin::ops
