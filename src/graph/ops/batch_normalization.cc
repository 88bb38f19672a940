#include "graph/autodiff/grad.h"
#include "graph/ops/batch_norm.h"

namespace dunlin::ops {

namespace {

constexpr Sample kSamples[] = {
    {"epsilon=0.01", "f32[2,3,2,2] f32[3] f32[3] f32[3]{0.1,-0.2,0.3} f32[3]{0.5,1.5,2}"},
    {"", "f32[4,3] f32[3] f32[3] f32[3]{0,0.5,1} f32[3]{1,2,1}"},
    {"training_mode=1 momentum=0.75", "f32[2,3,4] f32[3] f32[3] f32[3]{0,0,0} f32[3]{1,1,1}"},
    {"training_mode=1", "f32[2,2]{1,2,3,5} f32{1,2} f32{0,1} f32{0.5,0.5} f32{1,2}", 15, 3},
};
constexpr Sample kSamples9[] = {
    {"", "f32[2,3,2] f32[3] f32[3] f32[3]{0.1,-0.2,0.3} f32[3]{0.5,1.5,2}", 9},
    {"", "f32[2,2]{1,2,3,5} f32{1,2} f32{0,1} f32{0.5,0.5} f32{1,2}", 9, 5},
};
constexpr Sample kSamples6[] = {
    {"is_test=1 spatial=1", "f32[2,3,2] f32[3] f32[3] f32[3]{0.1,-0.2,0.3} f32[3]{0.5,1.5,2}", 6},
    {"", "f32[2,2]{1,2,3,5} f32{1,2} f32{0,1} f32{0.5,0.5} f32{1,2}", 6, 5},
};

/// Whether statistics come from the batch. Since opset 14 an attribute says so, from 7 on the number of
/// outputs did, before that the attribute is_test.
bool trains(const NodeView& a) {
  if (a.opset() >= 14) return a.attr_int("training_mode", 0) != 0;
  if (a.opset() >= 7) return a.num_outputs() > 1;
  return a.attr_int("is_test", 0) == 0;
}

std::vector<Type> infer(const InferArgs& a) {
  if (a.attr_int("spatial", 1) == 0) a.unsupported("spatial=0 is not supported");
  check_channel_vectors(a, a.shape(0), 1, 4);
  std::vector<Type> out{a.type(0)};
  const int more = a.opset() >= 14 ? 2 : 4;
  if (trains(a))
    for (int i = 0; i < more; ++i) out.push_back(a.type(3 + i % 2));
  return out;
}

void forward(const OpCall& c) {
  const double epsilon = c.attr_float("epsilon", 1e-5f), momentum = c.attr_float("momentum", 0.9f);
  const std::vector<double> mean = to_doubles(c.input(3)), variance = to_doubles(c.input(4));
  if (!trains(c)) return normalize_channels(c, mean, inverse_deviation(variance, epsilon));
  const ChannelStatistics batch =
      for_float_format(c.input(0).format(), [&]<typename T>() { return channel_statistics<T>(c.input(0)); });
  normalize_channels(c, batch.mean, inverse_deviation(batch.variance, epsilon));
  store_doubles(c, 1, running(mean, batch.mean, momentum));
  store_doubles(c, 2, running(variance, batch.variance, momentum));
  store_doubles(c, 3, batch.mean);
  store_doubles(c, 4, batch.variance);
}

/// With stored statistics these are constants: mean and variance get no gradient. In training form the
/// statistics are computed anew; passes/training_mode.h avoids that by saving them.
void gradient(Grad& g) {
  const Attributes epsilon{{"epsilon", g.attr_float("epsilon", 1e-5f)}};
  std::vector<ValueId> d;
  if (trains(g)) {
    const auto saved =
        g.emit_many("BatchNormTraining", {g.in(0), g.in(1), g.in(2), g.in(3), g.in(4)}, 5, epsilon);
    d = g.emit_many("BatchNormGrad", {g.out_grad(0), g.in(0), g.in(1), saved[3], saved[4]}, 3);
  } else {
    d = g.emit_many("BatchNormFrozenGrad", {g.out_grad(0), g.in(0), g.in(1), g.in(3), g.in(4)}, 3, epsilon);
  }
  for (int i = 0; i < 3; ++i) g.to_input(i, d[static_cast<size_t>(i)]);
}

constexpr OpDef definition(int since, Arity outputs, std::span<const Sample> samples, const OpDef* older) {
  return {.name = "BatchNormalization",
          .since = since,
          .source = "ONNX BatchNormalization; the variance of a batch is the population's",
          .inputs = 5,
          .outputs = outputs,
          .infer = infer,
          .forward = forward,
          .gradient = gradient,
          .rtol = 1e-4f,
          .atol = 1e-5f,
          .samples = samples,
          .older = older};
}
constexpr OpDef kOpset1 = definition(1, {1, 5}, kSamples6, nullptr);
constexpr OpDef kOpset7 = definition(7, {1, 5}, kSamples9, &kOpset1);

}  // namespace

extern constexpr OpDef kBatchNormalization = definition(14, {1, 3}, kSamples, &kOpset7);

}  // namespace dunlin::ops
