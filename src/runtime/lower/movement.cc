// Ops that move elements: views where the bytes may stay, strided copies where they may not.
#include "graph/ops/movement.h"

#include "graph/ops/permutation.h"
#include "graph/ops/slice.h"
#include "runtime/lower/families.h"
#include "runtime/lower/window.h"

namespace dunlin::lower {

namespace {

/// What moves elements of input 0 takes them as wide as they are.
Lowered as_it_is(const LowerContext& c, Lowered l) {
  if (c.is_narrow(0)) l.narrow_in = 1, l.narrow_out = ~0u;
  return l;
}

/// The same bytes under another shape: needs the row-major order, unless the shape stays.
std::optional<Lowered> view(const LowerContext& c) {
  if (c.format(0) != c.out_format(0)) return std::nullopt;
  const Layout layout = c.shape(0) == c.out_shape(0) ? c.layout(0) : Layout::kRowMajor;
  return as_it_is(
      c, {.kernel = "view", .run = {}, .in = {layout}, .out = {layout}, .unread = ~1u, .view = true});
}

Lowered copy_step(const LowerContext& c, Layout in, Layout out, const Window& w) {
  return as_it_is(c, {.kernel = "copy",
                      .run = [w](const StepArgs& args) { copy(args, 0, 0, w); },
                      .in = {in},
                      .out = {out},
                      .unread = ~1u});
}

std::optional<Lowered> transpose(const LowerContext& c) {
  const Shape& x = c.shape(0);
  if (!copyable(c.format(0))) return std::nullopt;
  const Strides from = strides_of(c.layout(0), x);
  Strides moved;
  for (int64_t p : ops::transposition(c, x.rank())) moved.push_back(from[static_cast<size_t>(p)]);
  // Where only axes of one element change places, or the elements lie in the wanted order already, nothing
  // moves.
  const Strides to = row_major_strides(c.out_shape(0));
  bool same = true;
  for (size_t d = 0; d < to.size(); ++d)
    same &= moved[d] == to[d] || c.out_shape(0)[static_cast<int>(d)] == 1;
  if (same) return as_it_is(c, {.kernel = "view", .run = {}, .in = {c.layout(0)}, .out = {}, .view = true});
  const auto w = window(c.out_shape(0), 0, moved, 0, to);
  if (!w) return std::nullopt;
  return copy_step(c, c.layout(0), Layout::kRowMajor, *w);
}

std::optional<Lowered> expand(const LowerContext& c) {
  const Shape &x = c.shape(0), &y = c.out_shape(0);
  if (!copyable(c.format(0))) return std::nullopt;
  const Strides s = row_major_strides(x);
  Strides from(static_cast<size_t>(y.rank()), 0);
  for (int d = 0; d < x.rank(); ++d)
    if (x[d] != 1) from[static_cast<size_t>(d + y.rank() - x.rank())] = s[static_cast<size_t>(d)];
  const auto w = window(y, 0, from, 0, row_major_strides(y));
  if (!w) return std::nullopt;
  return copy_step(c, Layout::kRowMajor, Layout::kRowMajor, *w);
}

std::optional<Lowered> concat(const LowerContext& c) {
  const Shape& y = c.out_shape(0);
  if (!copyable(c.format(0))) return std::nullopt;
  const int axis = c.normalize_axis(c.attr_int("axis", 1), y.rank());
  Layout layout = Layout::kRowMajor;
  for (int i = 0; i < c.num_inputs(); ++i)
    if (c.layout(i) == Layout::kChannelsLast) layout = Layout::kChannelsLast;
  const Strides to = strides_of(layout, y);
  std::vector<Window> windows;
  int64_t offset = 0;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const auto w =
        window(c.shape(i), 0, strides_of(layout, c.shape(i)), offset * to[static_cast<size_t>(axis)], to);
    if (!w) return std::nullopt;
    windows.push_back(*w);
    offset += c.shape(i)[axis];
  }
  Lowered l{.kernel = "copy",
            .run =
                [windows](const StepArgs& args) {
                  for (size_t i = 0; i < windows.size(); ++i) copy(args, i, 0, windows[i]);
                },
            .in = std::vector<Layout>(windows.size(), layout),
            .out = {layout}};
  bool some = false;
  for (int i = 0; i < c.num_inputs(); ++i) some |= c.is_narrow(i);
  if (some && c.wants_narrow(0)) l.narrow_in = ~0u, l.narrow_out = 1;
  return l;
}

/// Split (its input alone) and ConcatGrad (dy, then inputs of which only the shape counts).
std::optional<Lowered> split(const LowerContext& c) {
  const Shape& x = c.shape(0);
  if (!copyable(c.format(0))) return std::nullopt;
  const int axis = c.normalize_axis(c.attr_int("axis", c.node().op == "Split" ? 0 : 1), x.rank());
  const Layout layout = c.layout(0);
  const Strides from = strides_of(layout, x);
  std::vector<std::optional<Window>> windows;
  int64_t offset = 0;
  for (int i = 0; i < c.num_outputs(); ++i) {
    if (!c.has_output(i)) return std::nullopt;
    const Shape& y = c.out_shape(i);
    windows.push_back(window(y, offset * from[static_cast<size_t>(axis)], from, 0, strides_of(layout, y)));
    if (!windows.back()) return std::nullopt;
    offset += y[axis];
  }
  Lowered l{.kernel = "copy",
            .run =
                [windows](const StepArgs& args) {
                  for (size_t i = 0; i < windows.size(); ++i) copy(args, 0, i, *windows[i]);
                },
            .in = std::vector<Layout>(static_cast<size_t>(c.num_inputs()), Layout::kAny),
            .out = std::vector<Layout>(windows.size(), layout),
            .unread = ~1u};
  l.in[0] = layout;
  return as_it_is(c, std::move(l));
}

std::optional<Lowered> slice(const LowerContext& c) {
  if (!copyable(c.format(0))) return std::nullopt;
  for (int i = 1; i < c.num_inputs(); ++i)
    if (c.has_input(i) && !c.constant(i)) return std::nullopt;
  const Layout layout = c.layout(0);
  const auto s = ops::slice_window(c, c.shape(0), strides_of(layout, c.shape(0)));
  const auto w = window(c.out_shape(0), s.offset, s.strides, 0, strides_of(layout, c.out_shape(0)));
  if (!w) return std::nullopt;
  return copy_step(c, layout, layout, *w);
}

constexpr LowerEntry kEntries[] = {
    {"", "Concat", concat, InBf16::kFollows},       {"", "Expand", expand, InBf16::kFollows},
    {"", "Flatten", view, InBf16::kFollows},        {"", "Identity", view, InBf16::kFollows},
    {"", "Reshape", view, InBf16::kFollows},        {"", "Slice", slice, InBf16::kFollows},
    {"", "Split", split, InBf16::kFollows},         {"", "Squeeze", view, InBf16::kFollows},
    {"", "Transpose", transpose, InBf16::kFollows}, {"", "Unsqueeze", view, InBf16::kFollows},
    {kDunlinDomain, "ConcatGrad", split},           {kDunlinDomain, "ReshapeLike", view},
};

}  // namespace

std::span<const LowerEntry> movement() { return kEntries; }

}  // namespace dunlin::lower
