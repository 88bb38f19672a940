// The version of the fleet's wire. Every request carries it; both sides refuse what they do not speak.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace dunlin::fleet {

constexpr uint32_t kWireVersion = 1;

/// Throws kFailedPrecondition naming both versions and who must be upgraded.
inline void check_wire_version(uint32_t device_version) {
  if (device_version == kWireVersion) return;
  fail(ErrorCode::kFailedPrecondition,
       "wire version: the device speaks {}, this coordinator speaks {}: upgrade the {}", device_version,
       kWireVersion, device_version < kWireVersion ? "device" : "coordinator");
}

}  // namespace dunlin::fleet
