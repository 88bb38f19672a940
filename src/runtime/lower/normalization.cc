// Normalisations, softmax and cross-entropy: a kernel reads rows of channels, so images lie channels last.
#include "graph/activation.h"
#include "kernels/norm/batch_norm.h"

#include "graph/ops/lanes.h"
#include "graph/ops/layer_norm.h"
#include "kernels/norm/layer_norm.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/cross_entropy.h"
#include "kernels/softmax/softmax.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

constexpr Layout kLast = Layout::kChannelsLast, kRow = Layout::kRowMajor;

struct Rows {
  size_t rows, channels;
};
std::optional<Rows> channel_rows(const LowerContext& c, const Shape& x) {
  if (x.rank() < 2 || x.rank() > 5) return std::nullopt;
  const size_t channels = static_cast<size_t>(x[1]);
  for (int i = 0; i < c.num_inputs(); ++i)
    if (c.has_input(i) && c.format(i) != &formats::kF32) return std::nullopt;
  return Rows{elements(x) / channels, channels};
}

/// x, scale, bias, mean, variance, by stored statistics.
std::optional<Lowered> batch_norm(const LowerContext& c) {
  const auto r = channel_rows(c, c.shape(0));
  const bool trains =
      c.opset() >= 14 ? c.attr_int("training_mode", 0) != 0 : c.opset() < 7 && c.attr_int("is_test", 0) == 0;
  if (!r || trains || c.num_outputs() > 1) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  const float epsilon = c.attr_float("epsilon", 1e-5f);
  const uint64_t half = scratch_for(channels);
  const Activation activation = activation_attribute(c);
  return Lowered{
      .kernel = "scale_shift",
      .run =
          [=](const StepArgs& args) {
            float* factor = args.scratch_floats();
            float* offset = reinterpret_cast<float*>(args.scratch + half);
            batch_norm_fold(channels, args.x(1), args.x(2), args.x(3), args.x(4), epsilon, factor, offset);
            scale_shift(args.pool, isa, rows, channels, factor, offset, activation, args.x(0), args.y(0));
          },
      .in = {kLast},
      .out = {kLast},
      .in_place = 1,
      .scratch_bytes = 2 * half};
}

/// x, scale, bias, mean, variance -> y, running mean, running variance, saved mean, saved inv_std.
std::optional<Lowered> batch_norm_training(const LowerContext& c) {
  const auto r = channel_rows(c, c.shape(0));
  if (!r || !c.has_output(0)) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  const float momentum = c.attr_float("momentum", 0.9f);
  const uint64_t part = scratch_for(channels);
  BatchNormParameters p{nullptr, nullptr, c.attr_float("epsilon", 1e-5f), activation_attribute(c)};
  return Lowered{
      .kernel = "batch_norm_training_forward",
      .run =
          [=](const StepArgs& args) {
            const auto out = [&](size_t i, int slot) {
              return i < args.out.size() && args.out[i]
                         ? args.y(i)
                         : reinterpret_cast<float*>(args.scratch + static_cast<uint64_t>(slot) * part);
            };
            float *mean = out(3, 0), *inv_std = out(4, 1);
            float* variance = reinterpret_cast<float*>(args.scratch + 2 * part);
            BatchNormParameters with = p;
            with.scale = args.x(1);
            with.bias = args.x(2);
            batch_norm_training_forward(args.pool, isa, rows, channels, with, args.x(0),
                                        reinterpret_cast<float*>(args.scratch + 3 * part), mean, variance,
                                        inv_std, args.y(0));
            const auto keep = [&](size_t i, const float* stored, const float* batch) {
              if (i >= args.out.size() || !args.out[i]) return;
              float* running = args.y(i);
              for (size_t k = 0; k < channels; ++k)
                running[k] = stored[k] * momentum + batch[k] * (1 - momentum);
            };
            keep(1, args.x(3), mean);
            keep(2, args.x(4), variance);
          },
      .in = {kLast},
      .out = {kLast},
      .in_place = 1,
      .scratch_bytes = 3 * part + scratch_for(batch_norm_scratch(rows, channels))};
}

/// dy, x, scale, mean, inv_std and, with an activation, bias -> dx, dscale, dbias.
std::optional<Lowered> batch_norm_grad(const LowerContext& c) {
  const auto r = channel_rows(c, c.shape(1));
  if (!r) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  const uint64_t part = scratch_for(channels);
  const bool has_dx = c.has_output(0);
  const uint64_t dx_bytes = has_dx ? 0 : scratch_for(rows * channels);
  const Activation act = activation_attribute(c);
  return Lowered{
      .kernel = "batch_norm_backward",
      .run =
          [=](const StepArgs& args) {
            const auto out = [&](size_t i) {
              return i < args.out.size() && args.out[i]
                         ? args.y(i)
                         : reinterpret_cast<float*>(args.scratch + (i - 1) * part);
            };
            float* dx = has_dx ? args.y(0) : reinterpret_cast<float*>(args.scratch + 2 * part);
            // Without an activation the bias does not matter.
            const BatchNormParameters p{args.x(2), args.in.size() > 5 ? args.x(5) : args.x(2), 0, act};
            batch_norm_backward(args.pool, isa, rows, channels, p, args.x(0), args.x(1), args.x(3), args.x(4),
                                reinterpret_cast<float*>(args.scratch + 2 * part + dx_bytes), dx, out(1),
                                out(2));
          },
      .in = {kLast, kLast},
      .out = {kLast},
      .in_place = 1,
      .scratch_bytes = 2 * part + dx_bytes + scratch_for(batch_norm_scratch(rows, channels))};
}

/// dy, x, scale, mean, variance -> dx, dscale, dbias, by stored statistics.
std::optional<Lowered> batch_norm_frozen_grad(const LowerContext& c) {
  const auto r = channel_rows(c, c.shape(1));
  if (!r || !c.has_output(0) || !c.has_output(1) || !c.has_output(2)) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  const float epsilon = c.attr_float("epsilon", 1e-5f);
  return Lowered{.kernel = "batch_norm_frozen_backward",
                 .run =
                     [=](const StepArgs& args) {
                       batch_norm_frozen_backward(args.pool, isa, rows, channels, args.x(2), args.x(3),
                                                  args.x(4), epsilon, args.x(0), args.x(1),
                                                  args.scratch_floats(), args.y(0), args.y(1), args.y(2));
                     },
                 .in = {kLast, kLast},
                 .out = {kLast},
                 .in_place = 1,
                 .scratch_bytes = scratch_for(batch_norm_scratch(rows, channels))};
}

/// Rows of a layer normalisation over the axes from `axis` on; none where the scale is no row.
std::optional<Rows> layer_rows(const LowerContext& c, int x, int scale) {
  if (!c.all_f32()) return std::nullopt;
  const Shape& s = c.shape(x);
  size_t channels = 1;
  for (int d = c.normalize_axis(c.attr_int("axis", -1), s.rank()); d < s.rank(); ++d)
    channels *= static_cast<size_t>(s[d]);
  if (!ops::is_row(c, c.shape(scale), s)) return std::nullopt;
  return Rows{elements(s) / channels, channels};
}

/// x, scale, bias -> y, mean, inv_std.
std::optional<Lowered> layer_norm(const LowerContext& c) {
  const auto r = layer_rows(c, 0, 1);
  if (!r || (c.has_input(2) && !ops::is_row(c, c.shape(2), c.shape(0)))) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  const float epsilon = c.attr_float("epsilon", 1e-5f);
  return Lowered{.kernel = "layer_norm_forward",
                 .run =
                     [=](const StepArgs& args) {
                       const auto in = [&](size_t i) { return i < args.in.size() ? args.x(i) : nullptr; };
                       const auto out = [&](size_t i) { return i < args.out.size() ? args.y(i) : nullptr; };
                       layer_norm_forward(args.pool, isa, rows, channels, args.x(1), in(2), epsilon,
                                          args.x(0), args.y(0), out(1), out(2));
                     },
                 .in = {},
                 .out = {},
                 .in_place = 1};
}

/// x, scale -> y.
std::optional<Lowered> rms_norm(const LowerContext& c) {
  const auto r = layer_rows(c, 0, 1);
  if (!r) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  const float epsilon = c.attr_float("epsilon", 1e-5f);
  return Lowered{.kernel = "rms_norm_forward",
                 .run =
                     [=](const StepArgs& args) {
                       rms_norm_forward(args.pool, isa, rows, channels, args.x(1), epsilon, args.x(0),
                                        args.y(0));
                     },
                 .in = {},
                 .out = {},
                 .in_place = 1};
}

/// dy, x, scale, mean, inv_std -> dx, dscale, dbias.
std::optional<Lowered> layer_norm_grad(const LowerContext& c) {
  const auto r = layer_rows(c, 1, 2);
  if (!r || !c.has_output(0) || !c.has_output(1) || !c.has_output(2)) return std::nullopt;
  const auto [rows, channels] = *r;
  const Isa isa = c.isa();
  return Lowered{.kernel = "layer_norm_backward",
                 .run =
                     [=](const StepArgs& args) {
                       layer_norm_backward(args.pool, isa, rows, channels, args.x(2), args.x(0), args.x(1),
                                           args.x(3), args.x(4), args.scratch_floats(), args.y(0), args.y(1),
                                           args.y(2));
                     },
                 .in = {},
                 .out = {},
                 .in_place = 1,
                 .scratch_bytes = scratch_for(layer_norm_backward_scratch(rows, channels))};
}

/// The lanes of a softmax as rows of memory, and the layout in which they are that.
struct Lanes {
  size_t rows, length;
  Layout layout;
};
std::optional<Lanes> lanes(const LowerContext& c) {
  if (!c.all_f32()) return std::nullopt;
  const Shape& x = c.shape(0);
  const ops::Lanes l = ops::lanes_of(c, x);
  const size_t length = static_cast<size_t>(l.length);
  if (l.inner == 1) return Lanes{elements(x) / length, length, kRow};
  if (x.rank() >= 3 && x.rank() <= 5 && l.outer == x[0] && l.length == x[1] && !layouts_agree(x))
    return Lanes{elements(x) / length, length, kLast};
  return std::nullopt;
}

using Forward = void (*)(ThreadPool&, Isa, size_t, size_t, const float*, float*);
template <Forward forward>
std::optional<Lowered> softmax(const LowerContext& c) {
  const auto l = lanes(c);
  if (!l) return std::nullopt;
  const Isa isa = c.isa();
  return Lowered{
      .kernel = "softmax",
      .run = [isa, l = *l](
                 const StepArgs& args) { forward(args.pool, isa, l.rows, l.length, args.x(0), args.y(0)); },
      .in = {l->layout},
      .out = {l->layout},
      .in_place = 1};
}

using Backward = void (*)(ThreadPool&, Isa, size_t, size_t, const float*, const float*, float*);
template <Backward backward>
std::optional<Lowered> softmax_grad(const LowerContext& c) {
  const auto l = lanes(c);
  if (!l) return std::nullopt;
  const Isa isa = c.isa();
  return Lowered{.kernel = "softmax_backward",
                 .run =
                     [isa, l = *l](const StepArgs& args) {
                       backward(args.pool, isa, l.rows, l.length, args.x(0), args.x(1), args.y(0));
                     },
                 .in = {l->layout, l->layout},
                 .out = {l->layout},
                 .in_place = 1};
}

enum class Reduction { kNone, kSum, kMean };
Reduction reduction_of(const NodeView& c) {
  const std::string r = c.attr_string("reduction", "mean");
  return r == "mean" ? Reduction::kMean : r == "sum" ? Reduction::kSum : Reduction::kNone;
}

/// The part of a cross-entropy that is known when planning.
struct CrossEntropyPlan {
  CrossEntropy ce;
  Layout layout;
  int labels, weights;
  CrossEntropy with(const StepArgs& args) const {
    CrossEntropy c = ce;
    c.labels = args.in[static_cast<size_t>(labels)]->data<int64_t>();
    const size_t w = static_cast<size_t>(weights);
    c.weights = w < args.in.size() ? args.x(w) : nullptr;
    return c;
  }
};
std::optional<CrossEntropyPlan> cross_entropy(const LowerContext& c, int scores, int labels, int weights) {
  const Shape& x = c.shape(scores);
  if (c.format(scores) != &formats::kF32 || c.format(labels) != &formats::kI64 || x.rank() < 2 ||
      x.rank() > 5)
    return std::nullopt;
  CrossEntropyPlan p{.ce = {}, .layout = kLast, .labels = labels, .weights = weights};
  p.ce.classes = static_cast<size_t>(x[1]);
  p.ce.rows = elements(x) / p.ce.classes;
  if (c.has_attr("ignore_index")) p.ce.ignore_index = c.attr_int("ignore_index", 0);
  return p;
}

/// scores, labels, weights -> loss, log-probabilities.
std::optional<Lowered> cross_entropy_loss(const LowerContext& c) {
  const auto plan = cross_entropy(c, 0, 1, 2);
  if (!plan) return std::nullopt;
  const Isa isa = c.isa();
  const Reduction reduction = reduction_of(c);
  const bool has_log = c.has_output(1), has_loss = c.has_output(0);
  const uint64_t losses_bytes = scratch_for(plan->ce.rows);
  return Lowered{
      .kernel = "cross_entropy_forward",
      .run =
          [=, p = *plan](const StepArgs& args) {
            const CrossEntropy ce = p.with(args);
            check_labels(ce);
            float* losses = reduction == Reduction::kNone && has_loss ? args.y(0) : args.scratch_floats();
            float* log = has_log ? args.y(1) : reinterpret_cast<float*>(args.scratch + losses_bytes);
            cross_entropy_forward(args.pool, isa, ce, args.x(0), log, losses);
            if (reduction == Reduction::kNone || !has_loss) return;
            double sum = 0;
            for (size_t i = 0; i < ce.rows; ++i) sum += static_cast<double>(losses[i]);
            if (reduction == Reduction::kMean) sum /= cross_entropy_weight(ce);
            *args.y(0) = static_cast<float>(sum);
          },
      .in = {kLast},
      .out = {kRow, kLast},
      .scratch_bytes = losses_bytes + (has_log ? 0 : scratch_for(elements(c.shape(0))))};
}

/// dloss, log-probabilities, labels, weights -> dscores.
std::optional<Lowered> cross_entropy_grad(const LowerContext& c) {
  const auto plan = cross_entropy(c, 1, 2, 3);
  if (!plan) return std::nullopt;
  const Isa isa = c.isa();
  const Reduction reduction = reduction_of(c);
  return Lowered{.kernel = "cross_entropy_backward",
                 .run =
                     [=, p = *plan](const StepArgs& args) {
                       const CrossEntropy ce = p.with(args);
                       check_labels(ce);
                       const float* dlosses = reduction == Reduction::kNone ? args.x(0) : nullptr;
                       double scale = dlosses ? 1 : static_cast<double>(*args.x(0));
                       if (reduction == Reduction::kMean) scale /= cross_entropy_weight(ce);
                       cross_entropy_backward(args.pool, isa, ce, dlosses, static_cast<float>(scale),
                                              args.x(1), args.y(0));
                     },
                 .in = {kRow, kLast},
                 .out = {kLast},
                 .in_place = 0b10};
}

constexpr LowerEntry kEntries[] = {
    {"", "BatchNormalization", batch_norm},
    {"", "LayerNormalization", layer_norm},
    {"", "RMSNormalization", rms_norm},
    {"", "LogSoftmax", softmax<log_softmax_forward>},
    {"", "Softmax", softmax<softmax_forward>},
    {"", "SoftmaxCrossEntropyLoss", cross_entropy_loss},
    {kDunlinDomain, "BatchNormFrozenGrad", batch_norm_frozen_grad},
    {kDunlinDomain, "BatchNormGrad", batch_norm_grad},
    {kDunlinDomain, "BatchNormTraining", batch_norm_training},
    {kDunlinDomain, "LayerNormGrad", layer_norm_grad},
    {kDunlinDomain, "LogSoftmaxGrad", softmax_grad<log_softmax_backward>},
    {kDunlinDomain, "SoftmaxCrossEntropyGrad", cross_entropy_grad},
    {kDunlinDomain, "SoftmaxGrad", softmax_grad<softmax_backward>},
};

}  // namespace

std::span<const LowerEntry> normalization() { return kEntries; }

}  // namespace dunlin::lower
