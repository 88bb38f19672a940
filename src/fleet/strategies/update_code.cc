#include "fleet/strategies/update_code.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "base/error.h"
#include "fleet/strategies/framing.h"

namespace dunlin::fleet {

namespace {

constexpr size_t kSmallTensor = 4096;
constexpr size_t kFrameRoom = 64;  // the length before a header, and what the header grows by at the end
constexpr double kRangeFactor = 4, kSmallRangeFactor = 128;

double power_of_two_above(double x) { return std::exp2(std::ceil(std::log2(x))); }

CheckedUpdate refuse(wire::v1::Reason reason, std::string message) {
  CheckedUpdate out;
  out.reason = reason;
  out.message = std::move(message);
  return out;
}

void set(wire::v1::Metrics* out, const LocalMetrics& m) {
  out->set_examples(m.examples);
  out->set_loss(m.loss);
  out->set_accuracy(m.accuracy);
}

}  // namespace

std::vector<TensorCode> plan_codes(const State& state, const NamedTensors& model, const CodeLimits& limits) {
  if (limits.max_weight == 0 || limits.max_updates == 0 ||
      limits.max_weight > UINT64_MAX / limits.max_updates)
    fail(ErrorCode::kInvalidArgument,
         "update code: at most {} updates of weight {} at most: expected positive and < 2^64",
         limits.max_updates, limits.max_weight);
  const uint64_t weight_sum = limits.max_weight * limits.max_updates;
  const int bits = widest_code_bits(limits.bits, weight_sum), small_bits = widest_code_bits(32, weight_sum);
  std::vector<TensorCode> codes;
  for (const NamedTensor& t : update_shape(state, model)) {
    double absmax = 1;
    if (const NamedTensor* now = model.find(t.name))
      for (const float v : now->values)
        absmax = std::max(absmax, std::isfinite(v) ? std::fabs(double{v}) : 1.0);
    FixedPoint code{bits, power_of_two_above(kRangeFactor * absmax)};
    if (t.values.size() < kSmallTensor && small_bits == 32) code = {32, code.range * kSmallRangeFactor};
    codes.push_back({t.name, t.shape, code});
  }
  return codes;
}

wire::v1::TensorCode to_wire(const TensorCode& code) {
  wire::v1::TensorCode out;
  out.set_name(code.name);
  out.mutable_shape()->Add(code.shape.begin(), code.shape.end());
  out.set_bits(static_cast<uint32_t>(code.code.bits));
  out.set_range(code.code.range);
  return out;
}

TensorCode from_wire(const wire::v1::TensorCode& code) {
  TensorCode out{code.name(),
                 {code.shape().begin(), code.shape().end()},
                 {static_cast<int>(std::min(code.bits(), 64u)), code.range()}};
  check(out.code);
  out.count();
  return out;
}

bool same_codes(const std::vector<TensorCode>& a, const std::vector<TensorCode>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const TensorCode& x, const TensorCode& y) {
    return x.name == y.name && x.shape == y.shape && x.code.bits == y.code.bits &&
           x.code.range == y.code.range;
  });
}

Bytes encode_update(const wire::v1::Task& task, const Update& update, const LocalMetrics& evaluation) {
  wire::v1::UpdateHeader header;
  header.set_format(kUpdateFormat);
  header.set_task(task.id());
  header.set_weight(std::min(update.weight, task.plan().max_weight()));
  *header.mutable_tensors() = task.plan().tensors();
  set(header.mutable_training(), update.metrics);
  if (evaluation.examples > 0) set(header.mutable_evaluation(), evaluation);
  size_t payload = 0;
  std::vector<TensorCode> plan;
  for (const auto& t : task.plan().tensors()) {
    plan.push_back(from_wire(t));
    payload += plan.back().code.bytes(plan.back().count());
  }
  if (update.vectors.size() != plan.size())
    fail(ErrorCode::kInvalidArgument, "update: {} tensors, the plan has {}", update.vectors.size(),
         plan.size());
  Bytes out;
  out.reserve(payload + header.ByteSizeLong() + kFrameRoom);
  out.resize(payload);
  size_t begin = 0;
  uint64_t clipped = 0;
  for (const TensorCode& c : plan) {
    const NamedTensor& t = update.vectors.at(c.name);
    if (t.shape != c.shape)
      fail(ErrorCode::kInvalidArgument, "update: tensor \"{}\" is {}, the plan expects {}", c.name,
           shape_text(t.shape), shape_text(c.shape));
    const size_t bytes = c.code.bytes(t.values.size());
    const EncodeResult r = encode_nearest(c.code, t.values, std::span(out).subspan(begin, bytes));
    if (r.not_finite > 0)
      fail(ErrorCode::kInvalidArgument, "update: tensor \"{}\" holds {} values that are NaN or infinite",
           c.name, r.not_finite);
    clipped += r.clipped;
    begin += bytes;
  }
  header.set_clipped_values(clipped);
  // The header comes first, but how many values were clipped shows only now: the codes move up, in place.
  size_t offset = 0;
  const Bytes head = frame(header, 0, &offset);
  out.insert(out.begin(), head.begin(), head.end());
  return out;
}

wire::v1::Reason check_metrics(const wire::v1::Metrics& m, std::string& message) {
  if (!std::isfinite(m.loss()) || !std::isfinite(m.accuracy())) {
    message = "loss or accuracy is NaN or infinite";
    return wire::v1::NOT_FINITE;
  }
  // A loss is a float on the device; means over many devices then stay finite too.
  if (!(m.accuracy() >= 0 && m.accuracy() <= 1) || std::fabs(m.loss()) > FLT_MAX) {
    message = fmt::format("loss {} and accuracy {}: an accuracy is 0 to 1", m.loss(), m.accuracy());
    return wire::v1::IMPLAUSIBLE_METRICS;
  }
  return wire::v1::UPDATE_ACCEPTED;
}

CheckedUpdate check_update(ByteSpan bytes, const std::string& task, const std::vector<TensorCode>& plan,
                           const UpdateLimits& limits) {
  CheckedUpdate out;
  try {
    out.codes = unframe(bytes, out.header, "update", limits.max_header_bytes);
  } catch (const Error& e) {
    return refuse(wire::v1::MALFORMED_UPDATE, e.what());
  }
  const wire::v1::UpdateHeader& h = out.header;
  if (h.format() != kUpdateFormat)
    return refuse(wire::v1::MALFORMED_UPDATE,
                  fmt::format("update: format {}, expected {}", h.format(), kUpdateFormat));
  if (h.task() != task)
    return refuse(wire::v1::MALFORMED_UPDATE,
                  fmt::format("update: of task \"{}\", sent as \"{}\"", h.task(), task));
  if (static_cast<size_t>(h.tensors_size()) != plan.size())
    return refuse(wire::v1::WRONG_TENSORS,
                  fmt::format("update: {} tensors, the plan has {}", h.tensors_size(), plan.size()));
  size_t expected = 0;
  for (size_t i = 0; i < plan.size(); ++i) {
    const auto& got = h.tensors(static_cast<int>(i));
    const TensorCode& want = plan[i];
    const std::vector<int64_t> shape(got.shape().begin(), got.shape().end());
    if (got.name() != want.name || shape != want.shape)
      return refuse(wire::v1::WRONG_TENSORS,
                    fmt::format("update: tensor {} is \"{}\" {}, expected \"{}\" {}", i, got.name(),
                                shape_text(shape), want.name, shape_text(want.shape)));
    if (static_cast<int>(got.bits()) != want.code.bits || got.range() != want.code.range)
      return refuse(wire::v1::WRONG_TENSORS,
                    fmt::format("update: tensor \"{}\" is coded in {} bits of range {}, expected {} of {}",
                                want.name, got.bits(), got.range(), want.code.bits, want.code.range));
    expected += want.code.bytes(want.count());
  }
  if (out.codes.size() != expected)
    return refuse(
        wire::v1::WRONG_TENSORS,
        fmt::format("update: {} bytes of codes, the plan's tensors take {}", out.codes.size(), expected));
  if (h.weight() == 0 || h.weight() > limits.max_weight || h.weight() > limits.declared_examples)
    return refuse(wire::v1::WEIGHT_OUT_OF_RANGE,
                  fmt::format("update: weight {}, expected 1 to {}; the device looked in with {} examples",
                              h.weight(), limits.max_weight, limits.declared_examples));
  for (const wire::v1::Metrics* m : {&h.training(), &h.evaluation()})
    if (std::string why; check_metrics(*m, why) != wire::v1::UPDATE_ACCEPTED)
      return refuse(check_metrics(*m, why), "update: " + why);
  ByteSpan rest = out.codes;
  for (const TensorCode& c : plan) {
    const size_t n = c.code.bytes(c.count());
    if (!all_finite(c.code, rest.first(n)))
      return refuse(wire::v1::NOT_FINITE,
                    fmt::format("update: tensor \"{}\" holds values that are NaN or infinite", c.name));
    rest = rest.subspan(n);
  }
  return out;
}

}  // namespace dunlin::fleet
