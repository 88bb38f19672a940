// Ops that pick elements, and the gradients of those that cut a window out.
#include <algorithm>
#include <cstring>

#include "graph/ops/checks.h"
#include "graph/ops/gather.h"
#include "graph/ops/pad.h"
#include "graph/ops/slice.h"
#include "kernels/simd/split.h"
#include "runtime/lower/families.h"
#include "runtime/lower/window.h"

namespace dunlin::lower {

namespace {

/// x [outer, length, inner], as `axis` cuts it.
struct Rows {
  size_t outer, length, inner;
};
Rows rows_of(const Shape& x, int axis) {
  Rows r{1, static_cast<size_t>(x[axis]), 1};
  for (int d = 0; d < x.rank(); ++d) {
    if (d < axis) r.outer *= static_cast<size_t>(x[d]);
    if (d > axis) r.inner *= static_cast<size_t>(x[d]);
  }
  return r;
}

/// The indices as rows; throws for one outside, as the reference does.
std::vector<size_t> indices_of(const NodeView& node, const Tensor& indices, size_t length) {
  std::vector<size_t> rows;
  rows.reserve(static_cast<size_t>(indices.num_elements()));
  for (int64_t i : to_ints(indices))
    rows.push_back(static_cast<size_t>(ops::checked_index(node, i, static_cast<int64_t>(length))));
  return rows;
}

std::optional<Lowered> gather(const LowerContext& c) {
  if (!is_plain(c.format(0)) || c.shape(0).rank() == 0) return std::nullopt;
  const Rows r = rows_of(c.shape(0), c.normalize_axis(c.attr_int("axis", 0), c.shape(0).rank()));
  const size_t bytes = r.inner * static_cast<size_t>(element_bytes(c.format(0)));
  const NodeView node(c.graph(), c.node());
  return Lowered{.kernel = "gather",
                 .run =
                     [=](const StepArgs& args) {
                       const std::vector<size_t> rows = indices_of(node, *args.in[1], r.length);
                       const std::byte* x = args.in[0]->plane(Plane::kPayload).data();
                       std::byte* y = args.out[0]->plane(Plane::kPayload).data();
                       split_tasks(args.pool, r.outer * rows.size(), bytes / 4, [&](size_t i, size_t end) {
                         for (; i < end; ++i)
                           std::memcpy(y + i * bytes,
                                       x + (i / rows.size() * r.length + rows[i % rows.size()]) * bytes,
                                       bytes);
                       });
                     },
                 .in = {},
                 .out = {}};
}

/// dy, like x, indices -> dx: rows summed in the order of the indices.
std::optional<Lowered> gather_grad(const LowerContext& c) {
  if (c.format(0) != &formats::kF32) return std::nullopt;
  const Shape& x = c.out_shape(0);
  const Rows r = rows_of(x, c.normalize_axis(c.attr_int("axis", 0), x.rank()));
  const NodeView node(c.graph(), c.node());
  return Lowered{.kernel = "gather_backward",
                 .run =
                     [=](const StepArgs& args) {
                       const std::vector<size_t> rows = indices_of(node, *args.in[2], r.length);
                       const float* dy = args.x(0);
                       float* dx = args.y(0);
                       // Columns are split, not indices: each element's sum stays with one thread.
                       const size_t columns = r.outer * r.inner;
                       split_tasks(args.pool, columns, rows.size() + r.length, [&](size_t begin, size_t end) {
                         while (begin < end) {
                           const size_t o = begin / r.inner, k = begin % r.inner,
                                        count = std::min(end - begin, r.inner - k);
                           float* to = dx + o * r.length * r.inner + k;
                           const float* from = dy + o * rows.size() * r.inner + k;
                           for (size_t i = 0; i < r.length; ++i) std::fill_n(to + i * r.inner, count, 0.f);
                           for (size_t row : rows) {
                             float* sum = to + row * r.inner;
                             for (size_t e = 0; e < count; ++e) sum[e] += from[e];
                             from += r.inner;
                           }
                           begin += count;
                         }
                       });
                     },
                 .in = {Layout::kRowMajor, Layout::kAny},
                 .out = {},
                 .unread = 0b10};
}

/// A step that fills output 0 with one number and then copies a window of input 0 into it.
Lowered fill_and_copy(Layout in, Layout out, size_t n, float value, const Window& w) {
  return {.kernel = "fill_copy",
          .run =
              [=](const StepArgs& args) {
                float* y = args.y(0);
                split_elements(args.pool, n, [&](size_t i, size_t end) { std::fill(y + i, y + end, value); });
                copy(args, 0, 0, w);
              },
          .in = {in, Layout::kAny},
          .out = {out},
          .unread = ~1u};
}

bool all_known(const LowerContext& c, int first) {
  for (int i = first; i < c.num_inputs(); ++i)
    if (c.has_input(i) && !c.constant(i)) return false;
  return true;
}

/// dy, like x, starts, ends, axes, steps.
std::optional<Lowered> slice_grad(const LowerContext& c) {
  if (c.format(0) != &formats::kF32 || !all_known(c, 2)) return std::nullopt;
  const Layout layout = c.layout(0);
  const Shape& x = c.out_shape(0);
  const auto s = ops::slice_window(c, x, strides_of(layout, x), 2);
  if (std::any_of(s.strides.begin(), s.strides.end(), [](int64_t stride) { return stride < 0; }))
    return std::nullopt;
  const auto w = window(c.shape(0), 0, strides_of(layout, c.shape(0)), s.offset, s.strides);
  if (!w) return std::nullopt;
  return fill_and_copy(layout, layout, elements(x), 0, *w);
}

bool grows(const ops::Padding& p) {
  const auto positive = [](int64_t n) { return n >= 0; };
  return std::all_of(p.before.begin(), p.before.end(), positive) &&
         std::all_of(p.after.begin(), p.after.end(), positive);
}

int64_t offset_of(const ops::Padding& p, const Strides& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < strides.size(); ++d) offset += p.before[d] * strides[d];
  return offset;
}

std::optional<Lowered> pad(const LowerContext& c) {
  if (c.format(0) != &formats::kF32 || c.attr_string("mode", "constant") != "constant" || !all_known(c, 1))
    return std::nullopt;
  const Shape &x = c.shape(0), &y = c.out_shape(0);
  const ops::Padding p = ops::padding_of(c, x.rank(), 1);
  if (!grows(p)) return std::nullopt;
  const float value = c.has_input(2)
                          ? static_cast<float>(ops::one_number(c, "constant_value", *c.constant(2)))
                          : c.attr_float("value", 0);
  const Layout layout = c.layout(0);
  const Strides to = strides_of(layout, y);
  const auto w = window(x, 0, strides_of(layout, x), offset_of(p, to), to);
  if (!w) return std::nullopt;
  return fill_and_copy(layout, layout, elements(y), value, *w);
}

/// dy, like x, pads, axes: the window of dy that x was copied to.
std::optional<Lowered> pad_grad(const LowerContext& c) {
  if (c.format(0) != &formats::kF32 || c.attr_string("mode", "constant") != "constant" || !all_known(c, 2))
    return std::nullopt;
  const Shape &y = c.shape(0), &x = c.out_shape(0);
  std::vector<int64_t> pads = c.attr_ints("pads"), axes;
  if (c.has_input(2)) pads = to_ints(*c.constant(2));
  if (c.has_input(3)) axes = to_ints(*c.constant(3));
  for (int i = 0; axes.size() < pads.size() / 2; ++i) axes.push_back(i);
  const Layout layout = c.layout(0);
  const Strides from = strides_of(layout, y);
  int64_t offset = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (pads[i] < 0 || pads[i + axes.size()] < 0) return std::nullopt;
    offset += pads[i] * from[static_cast<size_t>(c.normalize_axis(axes[i], x.rank()))];
  }
  const auto w = window(x, offset, from, 0, strides_of(layout, x));
  if (!w) return std::nullopt;
  return Lowered{.kernel = "copy",
                 .run = [w = *w](const StepArgs& args) { copy(args, 0, 0, w); },
                 .in = {layout, Layout::kAny},
                 .out = {layout},
                 .unread = ~1u};
}

/// condition, x, y of f32, each of the output's shape or repeated along some axes.
std::optional<Lowered> where(const LowerContext& c) {
  if (c.out_format(0) != &formats::kF32) return std::nullopt;
  const Shape& z = c.out_shape(0);
  const size_t last = z.rank() == 0 ? 1 : static_cast<size_t>(z[z.rank() - 1]);
  std::array<Strides, 3> strides;
  for (int i = 0; i < 3; ++i) {
    const Shape& s = c.shape(i);
    const Strides dense = row_major_strides(s);
    Strides& to = strides[static_cast<size_t>(i)];
    to.assign(static_cast<size_t>(std::max(z.rank(), 1)), 0);
    for (int d = 0; d < s.rank(); ++d)
      if (s[d] != 1) to[static_cast<size_t>(d + z.rank() - s.rank())] = dense[static_cast<size_t>(d)];
  }
  return Lowered{.kernel = "where",
                 .run =
                     [=](const StepArgs& args) {
                       const bool* condition = args.in[0]->data<bool>();
                       const float *x = args.x(1), *y = args.x(2);
                       float* out = args.y(0);
                       split_tasks(args.pool, elements(z) / last, last, [&](size_t row, size_t end) {
                         for (; row < end; ++row) {
                           int64_t at[3] = {0, 0, 0};
                           size_t rest = row;
                           for (int d = z.rank() - 2; d >= 0; --d) {
                             const auto index = static_cast<int64_t>(rest % static_cast<size_t>(z[d]));
                             for (size_t i = 0; i < 3; ++i)
                               at[i] += index * strides[i][static_cast<size_t>(d)];
                             rest /= static_cast<size_t>(z[d]);
                           }
                           const bool* k = condition + at[0];
                           const float *a = x + at[1], *b = y + at[2];
                           const int64_t dk = strides[0].back(), da = strides[1].back(),
                                         db = strides[2].back();
                           float* o = out + row * last;
                           for (size_t e = 0; e < last; ++e, k += dk, a += da, b += db) o[e] = *k ? *a : *b;
                         }
                       });
                     },
                 .in = {},
                 .out = {}};
}

constexpr LowerEntry kEntries[] = {
    {"", "Gather", gather},
    {"", "Pad", pad},
    {"", "Where", where},
    {kDunlinDomain, "GatherGrad", gather_grad},
    {kDunlinDomain, "PadGrad", pad_grad},
    {kDunlinDomain, "SliceGrad", slice_grad},
};

}  // namespace

std::span<const LowerEntry> indexing() { return kEntries; }

}  // namespace dunlin::lower
