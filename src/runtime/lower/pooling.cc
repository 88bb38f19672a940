// Pools over one or two spatial axes, channels last.
#include "graph/ops/window.h"
#include "kernels/pool/pool.h"
#include "kernels/quantize/bytes.h"
#include "runtime/lower/constants.h"
#include "runtime/lower/families.h"

namespace dunlin::lower {

namespace {

constexpr Layout kLast = Layout::kChannelsLast;

std::optional<PoolDims> pool_dims(const NodeView& c, const Shape& x) {
  if (x.rank() > 4) return std::nullopt;
  const ops::Window w = ops::read_window(c, x, c.attr_ints("kernel_shape"));
  const auto u = [](int64_t v) { return static_cast<size_t>(v); };
  for (size_t d = 0; d < w.kernel.size(); ++d)
    if (w.pad_begin[d] < 0 || w.pad_end[d] < 0) return std::nullopt;
  PoolDims p;
  p.n = u(x[0]), p.c = u(x[1]);
  const size_t last = w.kernel.size() - 1;
  p.w = u(x[x.rank() - 1]), p.kernel_w = u(w.kernel[last]), p.stride_w = u(w.stride[last]);
  p.dilation_w = u(w.dilation[last]), p.pad_left = u(w.pad_begin[last]), p.pad_right = u(w.pad_end[last]);
  p.out_w = u(w.out[last]);
  if (last == 1) {
    p.h = u(x[2]), p.kernel_h = u(w.kernel[0]), p.stride_h = u(w.stride[0]);
    p.dilation_h = u(w.dilation[0]), p.pad_top = u(w.pad_begin[0]), p.pad_bottom = u(w.pad_end[0]);
    p.out_h = u(w.out[0]);
  }
  p.count_include_pad = c.attr_int("count_include_pad", 0) != 0;
  return p;
}

/// Indices that only MaxPoolGrad reads need not be ONNX's: as the kernels have them, 32 bits each, a place
/// within the image, in the order of y's memory.
bool private_indices(const Graph& g, ValueId v) {
  for (ValueId o : g.outputs)
    if (o == v) return false;
  bool made_here = false;
  for (const Node& n : g.nodes) {
    if (n.op == "MaxPool" && n.outputs.size() > 1 && n.outputs[1] == v)
      made_here = g.type(n.inputs[0]).shape->rank() <= 4 && g.type(n.inputs[0]).format == &formats::kF32 &&
                  !n.attributes.contains("storage_order");
    for (size_t i = 0; i < n.inputs.size(); ++i)
      if (n.inputs[i] == v && (n.op != "MaxPoolGrad" || n.domain != kDunlinDomain || i != 1)) return false;
  }
  return made_here;
}

/// Pools in f32, or in bf16 what lies in it.
template <typename Step>
Lowered in_own_width(const LowerContext& c, const Step& step) {
  if (!c.is_narrow(0) || !c.wants_narrow(0)) return step.template operator()<float>();
  Lowered l = step.template operator()<BFloat16>();
  l.narrow_in = l.narrow_out = 1;
  return l;
}

/// Every window reaches into the image.
bool reach_image(const PoolDims& d) {
  const auto reaches = [](size_t in, size_t out, size_t kernel, size_t stride, size_t dilation, size_t pad) {
    return pad < (kernel - 1) * dilation + 1 && (out - 1) * stride < in + pad && dilation <= in;
  };
  return reaches(d.h, d.out_h, d.kernel_h, d.stride_h, d.dilation_h, d.pad_top) &&
         reaches(d.w, d.out_w, d.kernel_w, d.stride_w, d.dilation_w, d.pad_left);
}

std::optional<Lowered> max_pool_of_bytes(const LowerContext& c) {
  const auto dims = pool_dims(c, c.shape(0));
  if (!dims || c.has_output(1) || !reach_image(*dims)) return std::nullopt;
  const PoolDims d = *dims;
  const Isa isa = c.isa();
  const bool is_signed = c.format(0) == &formats::kI8;
  return Lowered{.kernel = "max_pool_bytes",
                 .run =
                     [=](const StepArgs& args) {
                       max_pool_bytes(isa, args.pool, d, is_signed, args.in[0]->plane(Plane::kPayload).data(),
                                      args.out[0]->plane(Plane::kPayload).data());
                     },
                 .in = {kLast},
                 .out = {kLast}};
}

std::optional<Lowered> max_pool(const LowerContext& c) {
  if (is_byte(c.format(0))) return max_pool_of_bytes(c);
  if (c.format(0) != &formats::kF32) return std::nullopt;
  const auto dims = pool_dims(c, c.shape(0));
  const bool indices = c.has_output(1);
  if (!dims || (indices && !private_indices(c.graph(), c.node().outputs[1]))) return std::nullopt;
  const PoolDims d = *dims;
  const Isa isa = c.isa();
  return in_own_width(c, [=]<typename T>() {
    return Lowered{.kernel = "max_pool_forward",
                   .run =
                       [=](const StepArgs& args) {
                         max_pool_forward(
                             args.pool, isa, d, args.x<T>(0), args.y<T>(0),
                             indices ? reinterpret_cast<int32_t*>(args.out[1]->data<int64_t>()) : nullptr);
                       },
                   .in = {kLast},
                   .out = {kLast, kLast}};
  });
}

/// dy, indices, like x. The windows themselves do not matter: the indices say where dy goes.
std::optional<Lowered> max_pool_grad(const LowerContext& c) {
  if (c.format(0) != &formats::kF32 || !private_indices(c.graph(), c.node().inputs[1])) return std::nullopt;
  const Node* pool = nullptr;
  for (const Node& n : c.graph().nodes)
    if (n.outputs.size() > 1 && n.outputs[1] == c.node().inputs[1]) pool = &n;
  // The window as the forward node has it, whatever opset it was written in.
  const auto dims = pool_dims(NodeView(c.graph(), *pool), c.shape(2));
  if (!dims) return std::nullopt;
  const PoolDims d = *dims;
  const Isa isa = c.isa();
  return Lowered{.kernel = "max_pool_backward",
                 .run =
                     [=](const StepArgs& args) {
                       max_pool_backward(args.pool, isa, d, args.x(0),
                                         reinterpret_cast<const int32_t*>(args.in[1]->data<int64_t>()),
                                         args.y(0));
                     },
                 .in = {kLast, kLast, Layout::kAny},
                 .out = {kLast},
                 .unread = 0b100};
}

std::optional<Lowered> average_pool(const LowerContext& c) {
  if (!c.all_f32()) return std::nullopt;
  const auto dims = pool_dims(c, c.shape(0));
  if (!dims) return std::nullopt;
  const PoolDims d = *dims;
  const Isa isa = c.isa();
  return in_own_width(c, [=]<typename T>() {
    return Lowered{.kernel = "average_pool_forward",
                   .run =
                       [=](const StepArgs& args) {
                         average_pool_forward(args.pool, isa, d, args.x<T>(0), args.y<T>(0));
                       },
                   .in = {kLast},
                   .out = {kLast}};
  });
}

/// dy, like x.
std::optional<Lowered> average_pool_grad(const LowerContext& c) {
  if (!c.all_f32()) return std::nullopt;
  const auto dims = pool_dims(c, c.shape(1));
  if (!dims) return std::nullopt;
  const PoolDims d = *dims;
  const Isa isa = c.isa();
  return Lowered{
      .kernel = "average_pool_backward",
      .run = [=](const StepArgs& args) { average_pool_backward(args.pool, isa, d, args.x(0), args.y(0)); },
      .in = {kLast, Layout::kAny},
      .out = {kLast},
      .unread = 0b10};
}

std::optional<Lowered> global_average_pool(const LowerContext& c) {
  if (!c.all_f32() || c.shape(0).rank() > 5) return std::nullopt;
  const size_t n = static_cast<size_t>(c.shape(0)[0]), channels = static_cast<size_t>(c.shape(0)[1]),
               hw = elements(c.shape(0)) / (n * channels);
  const Isa isa = c.isa();
  return in_own_width(c, [=]<typename T>() {
    return Lowered{.kernel = "global_average_pool_forward",
                   .run =
                       [=](const StepArgs& args) {
                         global_average_pool_forward(args.pool, isa, n, hw, channels, args.x<T>(0),
                                                     args.y<T>(0));
                       },
                   .in = {kLast},
                   .out = {kLast}};
  });
}

/// dy, like x.
std::optional<Lowered> global_average_pool_grad(const LowerContext& c) {
  if (!c.all_f32() || c.shape(1).rank() > 5) return std::nullopt;
  const size_t n = static_cast<size_t>(c.shape(1)[0]), channels = static_cast<size_t>(c.shape(1)[1]),
               hw = elements(c.shape(1)) / (n * channels);
  const Isa isa = c.isa();
  return Lowered{.kernel = "global_average_pool_backward",
                 .run =
                     [=](const StepArgs& args) {
                       global_average_pool_backward(args.pool, isa, n, hw, channels, args.x(0), args.y(0));
                     },
                 .in = {kLast, Layout::kAny},
                 .out = {kLast},
                 .unread = 0b10};
}

constexpr LowerEntry kEntries[] = {
    {"", "AveragePool", average_pool, InBf16::kFollows},
    {"", "GlobalAveragePool", global_average_pool, InBf16::kFollows},
    {"", "MaxPool", max_pool, InBf16::kFollows},
    {kDunlinDomain, "AveragePoolGrad", average_pool_grad},
    {kDunlinDomain, "GlobalAveragePoolGrad", global_average_pool_grad},
    {kDunlinDomain, "MaxPoolGrad", max_pool_grad},
};

}  // namespace

std::span<const LowerEntry> pooling() { return kEntries; }

}  // namespace dunlin::lower
