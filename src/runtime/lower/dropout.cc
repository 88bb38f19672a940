// Dropout: in inference a view; in training by a kernel that draws the reference's numbers.
#include "kernels/random/dropout.h"

#include "graph/ops/checks.h"
#include "graph/random_stream.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

std::optional<Lowered> hand_on(const LowerContext& c) {
  if (c.format(0) != c.out_format(0)) return std::nullopt;
  return Lowered{
      .kernel = "view", .run = {}, .in = {c.layout(0)}, .out = {c.layout(0)}, .unread = ~1u, .view = true};
}

/// Of input `ratio`; none when only the run knows it or `training`.
std::optional<float> known_ratio(const LowerContext& c, int ratio, int training) {
  for (int i : {ratio, training})
    if (c.has_input(i) && !c.constant(i)) return std::nullopt;
  if (c.has_input(training) && ops::one_number(c, "training_mode", *c.constant(training)) == 0) return 0.f;
  const double r = c.has_input(ratio) ? ops::one_number(c, "ratio", *c.constant(ratio)) : 0.5;
  return r >= 0 && r < 1 ? std::optional(static_cast<float>(r)) : std::nullopt;
}

std::optional<Lowered> dropout(const LowerContext& c) {
  const bool trains =
      c.opset() >= 12
          ? c.has_input(2) && !(c.constant(2) && ops::one_number(c, "training_mode", *c.constant(2)) == 0)
          : c.opset() < 7 && c.attr_int("is_test", 0) == 0;
  if (!trains) return c.has_output(1) ? std::nullopt : hand_on(c);
  if (c.opset() < 12 || c.format(0) != &formats::kF32) return std::nullopt;
  const auto ratio = known_ratio(c, 1, 2);
  if (!ratio) return std::nullopt;
  const bool masked = c.has_output(1);
  const uint64_t stream = random_stream(c.graph(), c.node());
  const size_t n = elements(c.shape(0));
  const Isa isa = c.isa();
  // The numbers go to the elements in row-major order.
  return Lowered{.kernel = "dropout_forward",
                 .run =
                     [=, r = *ratio](const StepArgs& args) {
                       dropout_forward(args.pool, isa, args.context.seed, stream, r, n, args.x(0), args.y(0),
                                       masked ? args.out[1]->data<bool>() : nullptr);
                     },
                 .in = {},
                 .out = {},
                 .in_place = 1,
                 .unread = ~1u};
}

/// dy, mask, ratio, training -> dx.
std::optional<Lowered> dropout_grad(const LowerContext& c) {
  const auto ratio = known_ratio(c, 2, 3);
  if (!ratio || c.format(0) != &formats::kF32 || c.shape(0) != c.shape(1)) return std::nullopt;
  const size_t n = elements(c.shape(0));
  const Isa isa = c.isa();
  return Lowered{.kernel = "dropout_backward",
                 .run =
                     [=, r = *ratio](const StepArgs& args) {
                       dropout_backward(args.pool, isa, r, n, args.x(0), args.in[1]->data<bool>(), args.y(0));
                     },
                 .in = {},
                 .out = {},
                 .in_place = 1,
                 .unread = ~3u};
}

constexpr LowerEntry kEntries[] = {
    {"", "Dropout", dropout},
    {kDunlinDomain, "DropoutGrad", dropout_grad},
};

}  // namespace

std::span<const LowerEntry> dropout() { return kEntries; }

}  // namespace dunlin::lower
