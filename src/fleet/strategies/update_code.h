// An update as bytes: which code each tensor takes, writing on the device, checking on the coordinator.
//
// Codes. Updates are differences against the round's model, so a fixed range can serve: a tensor of absolute
// maximum a takes the range R = 4 * max(1, a) rounded up to a power of two, and 24 bits. For a <= 1 the step
// is 4.8e-7, below what float weights of that size resolve after a few additions. Tensors of fewer than 4096
// values, BatchNorm's statistics among them, cost little: they take 32 bits and 128 times the range at half
// the step. Where weights times cohort could overflow an int64, all tensors take fewer bits
// (widest_code_bits).
#pragma once

#include <string>
#include <vector>

#include "fleet/strategies/strategy.h"
#include "fleet/strategies/sum.h"
#include "fleet/wire/fleet.pb.h"

namespace dunlin::fleet {

struct CodeLimits {
  int bits = 24;                   // of large tensors
  uint64_t max_weight = 1 << 20;   // of one update, in examples
  uint64_t max_updates = 1 << 10;  // that can ever meet in one sum
};

/// Deterministic in its arguments.
std::vector<TensorCode> plan_codes(const State& state, const NamedTensors& model, const CodeLimits& limits);

wire::v1::TensorCode to_wire(const TensorCode& code);
/// Throws kInvalidArgument on an impossible code or shape.
TensorCode from_wire(const wire::v1::TensorCode& code);
bool same_codes(const std::vector<TensorCode>& a, const std::vector<TensorCode>& b);

/// The upload of a device. Throws kInvalidArgument when a vector is missing, of another shape, or holds NaN
/// or infinity: the device then reports instead of sending. The weight is clipped to the plan's.
Bytes encode_update(const wire::v1::Task& task, const Update& update, const LocalMetrics& evaluation);

/// What an update may be at most.
struct UpdateLimits {
  uint64_t max_weight = 0;
  uint64_t declared_examples = 0;  // what the device said it trains on; its weight cannot be more
  size_t max_header_bytes = 0;
};

/// What the coordinator finds in an upload. With reason UPDATE_ACCEPTED the codes may be folded.
struct CheckedUpdate {
  wire::v1::Reason reason = wire::v1::UPDATE_ACCEPTED;
  std::string message;
  wire::v1::UpdateHeader header;
  ByteSpan codes;  // inside the bytes given
};
CheckedUpdate check_update(ByteSpan bytes, const std::string& task, const std::vector<TensorCode>& plan,
                           const UpdateLimits& limits);

/// Whether loss and accuracy are numbers that a model can have; the reason and a message otherwise.
wire::v1::Reason check_metrics(const wire::v1::Metrics& metrics, std::string& message);

}  // namespace dunlin::fleet
