// Devices that an administrator has shut out. A handshake cannot know of them: their certificates are good.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "fleet/store/sqlite.h"

namespace dunlin::fleet {

/// Asked at every call of a device, hence on a connection of its own: a reader never waits for the
/// coordinator's transactions. Several threads may ask at once.
class Revocations {
 public:
  /// `path` is the database of a store that exists.
  explicit Revocations(const std::string& path) : db_(path, {.read_only = true}) {}
  /// Throws kPermissionDenied when the device is revoked.
  void check(const std::string& device);

 private:
  std::mutex mutex_;
  Database db_;
};

/// From its next call on the device is refused; one that enrolled but never looked in may be revoked too.
/// Revoking again changes nothing. Returns whether it has ever looked in. kInvalidArgument: no device's name.
bool revoke_device(const std::string& path, const std::string& device, int64_t now_ms);

}  // namespace dunlin::fleet
