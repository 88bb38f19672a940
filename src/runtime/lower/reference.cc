#include <cstring>

#include "graph/forward.h"
#include "kernels/cast/cast.h"
#include "kernels/layout/copy.h"
#include "runtime/lower/lowering.h"
#include "tensor/strided.h"

namespace dunlin {

namespace {

std::vector<const Tensor*> present(const Node& node, std::span<const Tensor* const> in) {
  std::vector<const Tensor*> all(in.begin(), in.end());
  all.resize(node.inputs.size(), nullptr);
  return all;
}

/// Inference went by what a file claims, and by operands of other nodes; the memory is as large as it said.
void check_type(const Graph& g, const Node& node, size_t output, const Tensor& planned, Format format,
                const Shape& shape) {
  if (planned.format() != format || planned.shape() != shape)
    fail(ErrorCode::kInvalidArgument, "{}: output {} was planned as {}{}, it is {}{}", describe(g, node),
         output, planned.format()->name, to_string(planned.shape()), format->name, to_string(shape));
}

}  // namespace

Lowered lower_reference(const std::shared_ptr<const Graph>& graph, const Node& node) {
  const Node* n = &node;  // lives in *graph
  return {.kernel = "reference",
          .run =
              [graph, n](const StepArgs& args) {
                const std::vector<const Tensor*> in = present(*n, args.in);
                std::vector<Type> types;
                for (const Tensor* t : in)
                  types.push_back(t ? Type{.format = t->format(), .shape = t->shape()} : Type{});
                const std::vector<Type> out_types = infer_node(*graph, *n, types, in);
                std::vector<Tensor> out(out_types.size());
                for (size_t i = 0; i < out.size(); ++i) {
                  if (i < args.out.size() && args.out[i]) {
                    if (out_types[i].format && out_types[i].shape && out_types[i].shape->known())
                      check_type(*graph, *n, i, *args.out[i], out_types[i].format, *out_types[i].shape);
                    out[i] = args.out[i]->view();
                    // References may count on fresh tensors being zero.
                    const auto bytes = out[i].plane(Plane::kPayload);
                    if (!bytes.empty()) std::memset(bytes.data(), 0, bytes.size());
                  } else if (out_types[i].format && out_types[i].shape && out_types[i].shape->known()) {
                    out[i] = Tensor(out_types[i].format, *out_types[i].shape);
                  }
                }
                run_forward(*graph, *n, in, out, args.context);
                for (size_t i = 0; i < out.size() && i < args.out.size(); ++i) {
                  if (!args.out[i]) continue;
                  const auto got = out[i].plane(Plane::kPayload), want = args.out[i]->plane(Plane::kPayload);
                  if (got.data() == want.data()) continue;
                  DUNLIN_CHECK(out[i].shape() == args.out[i]->shape());
                  copy_strided(out[i], *args.out[i]);
                }
              },
          .in = std::vector<Layout>(node.inputs.size(), Layout::kAny),
          .out = {}};
}

Lowered lower_at_run_time(const std::shared_ptr<const Graph>& graph, const Node& node) {
  const Node* n = &node;
  return {.kernel = "reference",
          .run =
              [graph, n](const StepArgs& args) {
                std::vector<Tensor> out = run_reference(*graph, *n, present(*n, args.in), args.context);
                for (size_t i = 0; i < args.out.size(); ++i)
                  if (args.out[i]) *args.out[i] = std::move(out[i]);
              },
          .in = std::vector<Layout>(node.inputs.size(), Layout::kAny),
          .out = {}};
}

Lowered lower_values(const std::shared_ptr<const Graph>& graph, const Node& node, bool planned) {
  const Node* n = &node;
  return {.kernel = "values",
          .run =
              [graph, n, planned](const StepArgs& args) {
                std::vector<RunValue> out = run_values(*graph, *n, args.in_values, args.context, args.bodies);
                for (size_t i = 0; i < args.out_values.size(); ++i) {
                  if (!args.out_values[i]) continue;
                  if (!planned) {
                    *args.out_values[i] = std::move(out[i]);
                    continue;
                  }
                  if (!out[i].is_tensor())
                    fail(ErrorCode::kInvalidArgument, "{}: output {} is no tensor", describe(*graph, *n), i);
                  const Tensor& t = out[i].tensor();
                  check_type(*graph, *n, i, *args.out[i], t.format(), t.shape());
                  copy_strided(t, *args.out[i]);
                }
              },
          .in = std::vector<Layout>(node.inputs.size(), Layout::kAny),
          .out = {}};
}

Lowered lower_copy(const Type& type, Layout from, Layout to, const LowerOptions&) {
  const Shape& shape = *type.shape;
  if (element_bytes(type.format) > 8 || shape.rank() > static_cast<int>(CopyDims::kMaxRank))
    return {.kernel = "copy",
            .run = [](const StepArgs& args) { copy_strided(*args.in[0], *args.out[0]); },
            .in = {from},
            .out = {to}};
  CopyDims dims;
  dims.rank = static_cast<size_t>(shape.rank());
  const Strides a = strides_of(from, shape), b = strides_of(to, shape);
  for (size_t d = 0; d < dims.rank; ++d) {
    dims.dims[d] = static_cast<size_t>(shape[static_cast<int>(d)]);
    dims.source_strides[d] = a[d];
    dims.destination_strides[d] = b[d];
  }
  const size_t bytes = static_cast<size_t>(element_bytes(type.format));
  return {.kernel = "copy",
          .run =
              [=](const StepArgs& args) {
                copy_strided(args.pool, dims, bytes, args.in[0]->plane(Plane::kPayload).data(),
                             args.out[0]->plane(Plane::kPayload).data());
              },
          .in = {from},
          .out = {to}};
}

Lowered lower_cast(const Type& from, const LowerOptions& options) {
  const size_t n = elements(*from.shape);
  const Isa isa = options.isa;
  if (from.format == &formats::kF32)
    return {.kernel = "cast", .run = [=](const StepArgs& args) {
              float_to_bfloat16(args.pool, isa, args.x(0), &args.y<BFloat16>(0)->bits, n);
            }};
  return {.kernel = "cast", .run = [=](const StepArgs& args) {
            bfloat16_to_float(args.pool, isa, &args.x<BFloat16>(0)->bits, args.y(0), n);
          }};
}

}  // namespace dunlin
