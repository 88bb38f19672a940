// What the coordinator remembers of its tokens: never the secret, only its hash, and who used it.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "fleet/store/sqlite.h"

namespace dunlin::fleet {

enum class TokenVerdict { kAccepted, kUnknown, kExpired, kUsedUp };

/// Tables enrolment_tokens and enrolment_uses in the coordinator's database. Several processes may have it
/// open: `dunlin fleet token` writes beside a running coordinator. One object serves one thread at a time.
class TokenStore {
 public:
  /// Makes file and tables when missing. Throws kIo when it cannot be opened or written.
  explicit TokenStore(const std::string& database_path);

  /// `uses` devices may enrol until `expires_ms` (since 1970-01-01 UTC).
  void add(const Sha256& secret_hash, int64_t uses, int64_t expires_ms);

  /// One transaction. The same key again is accepted without spending a use, so that a device whose answer
  /// was lost may simply ask again.
  TokenVerdict try_use(const Sha256& secret_hash, const Sha256& public_key_hash, int64_t now_ms);

 private:
  Database db_;
};

}  // namespace dunlin::fleet
