#include "graph/architectures/builder.h"

#include <cmath>

#include "base/error.h"
#include "tensor/formats.h"

namespace dunlin::architectures {

Builder::Builder(std::string name, const ArchitectureOptions& o) : rng_(o.seed, 0x6e6577) {
  if (o.classes < 1 || o.channels < 1 || o.height < 1 || o.width < 1)
    fail(ErrorCode::kInvalidArgument,
         "{}: classes and input sizes must be positive, got {} classes, input {}x{}x{}", name, o.classes,
         o.channels, o.height, o.width);
  Graph& g = model_.graph;
  g.name = std::move(name);
  g.opsets[""] = 17;
  g.symbols = {"N"};
  model_.ir_version = 8;
  model_.producer_name = "dunlin";
  input_ =
      g.add_value("input", {.format = &formats::kF32, .shape = Shape{-2, o.channels, o.height, o.width}});
  g.inputs = {input_};
}

ValueId Builder::emit(const char* op, std::vector<ValueId> inputs, Attributes attributes) {
  Graph& g = model_.graph;
  const std::string name = fmt::format("{}_{}", op, g.nodes.size());
  const ValueId out = g.add_value(name + "_out");
  g.nodes.push_back({.op = op,
                     .domain = "",
                     .name = name,
                     .attributes = std::move(attributes),
                     .inputs = std::move(inputs),
                     .outputs = {out}});
  return out;
}

ValueId Builder::weight(const std::string& name, Shape shape, double spread, bool normal) {
  constexpr int64_t kMaxWeights = int64_t{1} << 29;  // an ONNX file ends at 2 GiB
  const int64_t n = shape.num_elements();
  if (n > kMaxWeights - num_weights_)
    fail(ErrorCode::kResourceExhausted,
         "{}: weight \"{}\" {} has {} elements, all together may have {}: choose a smaller input, fewer "
         "classes, "
         "or an architecture that pools",
         model_.graph.name, name, to_string(shape), n, kMaxWeights);
  num_weights_ += n;
  auto t = std::make_shared<Tensor>(&formats::kF32, std::move(shape));
  float* w = t->data<float>();
  for (int64_t i = 0; i < t->num_elements(); ++i)
    w[i] = static_cast<float>(spread * (normal ? rng_.normal() : 2 * rng_.uniform_double() - 1));
  return model_.graph.add_initializer(name, std::move(t));
}

ValueId Builder::constant(const std::string& name, int64_t n, float value) {
  auto t = std::make_shared<Tensor>(&formats::kF32, Shape{n});
  std::fill_n(t->data<float>(), n, value);
  return model_.graph.add_initializer(name, std::move(t));
}

ValueId Builder::conv(const std::string& name, ValueId x, int64_t in, int64_t out, const ConvOptions& o) {
  const double fan_out = static_cast<double>(out / o.groups * o.kernel * o.kernel);
  std::vector<ValueId> inputs{
      x, weight(name + ".weight", {out, in / o.groups, o.kernel, o.kernel}, std::sqrt(2 / fan_out), true)};
  if (o.bias) inputs.push_back(constant(name + ".bias", out, 0));
  return emit("Conv", std::move(inputs),
              {{"kernel_shape", std::vector<int64_t>{o.kernel, o.kernel}},
               {"strides", std::vector<int64_t>{o.stride, o.stride}},
               {"pads", std::vector<int64_t>{o.pad, o.pad, o.pad, o.pad}},
               {"group", o.groups}});
}

ValueId Builder::batch_norm(const std::string& name, ValueId x, int64_t channels) {
  return emit("BatchNormalization",
              {x, constant(name + ".weight", channels, 1), constant(name + ".bias", channels, 0),
               constant(name + ".running_mean", channels, 0), constant(name + ".running_var", channels, 1)},
              {{"epsilon", 1e-5f}, {"momentum", 0.9f}});
}

ValueId Builder::relu(ValueId x) { return emit("Relu", {x}); }

ValueId Builder::relu6(ValueId x) {
  Graph& g = model_.graph;
  const auto scalar = [&](const char* name, float value) {
    const ValueId known = g.find(name);
    return known != kNoValue
               ? known
               : g.add_initializer(name, std::make_shared<Tensor>(Tensor::of<float>({}, {value})));
  };
  return emit("Clip", {x, scalar("zero", 0), scalar("six", 6)});
}

ValueId Builder::add(ValueId a, ValueId b) { return emit("Add", {a, b}); }

ValueId Builder::max_pool(ValueId x, int64_t kernel, int64_t stride, int64_t pad) {
  return emit("MaxPool", {x},
              {{"kernel_shape", std::vector<int64_t>{kernel, kernel}},
               {"strides", std::vector<int64_t>{stride, stride}},
               {"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
}

ValueId Builder::global_average_pool(ValueId x) { return emit("GlobalAveragePool", {x}); }
ValueId Builder::flatten(ValueId x) { return emit("Flatten", {x}, {{"axis", int64_t{1}}}); }

ValueId Builder::linear(const std::string& name, ValueId x, int64_t in, int64_t out) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  const ValueId w = weight(name + ".weight", {out, in}, bound, false);
  return emit("Gemm", {x, w, weight(name + ".bias", {out}, bound, false)}, {{"transB", int64_t{1}}});
}

Model Builder::finish(ValueId logits) && {
  Graph& g = model_.graph;
  Value& v = g.values[static_cast<size_t>(logits)];
  v.name = "logits";
  v.type.format = &formats::kF32;
  g.outputs = {logits};
  return std::move(model_);
}

int64_t pooled(int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
  if (size + 2 * pad < kernel)
    fail(ErrorCode::kInvalidArgument,
         "the input is too small: {} rows or columns are left for a window of {}", size, kernel);
  return (size + 2 * pad - kernel) / stride + 1;
}

}  // namespace dunlin::architectures
