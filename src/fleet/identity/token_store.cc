#include "fleet/identity/token_store.h"

#include "base/error.h"

namespace dunlin::fleet {

TokenStore::TokenStore(const std::string& database_path) : db_(database_path, {}) {
  db_.run(
      "CREATE TABLE IF NOT EXISTS enrolment_tokens("
      "  secret_sha256 BLOB PRIMARY KEY, uses_left INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT "
      "ROWID;"
      "CREATE TABLE IF NOT EXISTS enrolment_uses("
      "  secret_sha256 BLOB NOT NULL, public_key_sha256 BLOB NOT NULL, used_ms INTEGER NOT NULL,"
      "  PRIMARY KEY(secret_sha256, public_key_sha256)) WITHOUT ROWID;");
}

void TokenStore::add(const Sha256& secret_hash, int64_t uses, int64_t expires_ms) {
  if (uses < 1) fail(ErrorCode::kInvalidArgument, "enrolment token: {} uses, at least 1 is expected", uses);
  Statement s(db_, "INSERT INTO enrolment_tokens VALUES(?, ?, ?)");
  (s << ByteSpan(secret_hash) << uses << expires_ms).run();
}

TokenVerdict TokenStore::try_use(const Sha256& secret_hash, const Sha256& public_key_hash, int64_t now_ms) {
  const ByteSpan secret(secret_hash), key(public_key_hash);
  Transaction transaction(db_, "use_token");
  Statement token(db_, "SELECT uses_left, expires_ms FROM enrolment_tokens WHERE secret_sha256 = ?");
  token << secret;
  if (!token.step()) return TokenVerdict::kUnknown;
  if (now_ms >= token.integer(1)) return TokenVerdict::kExpired;
  Statement used(db_, "SELECT 1 FROM enrolment_uses WHERE secret_sha256 = ? AND public_key_sha256 = ?");
  used << secret << key;
  if (used.step()) return TokenVerdict::kAccepted;
  if (token.integer(0) < 1) return TokenVerdict::kUsedUp;
  Statement spend(db_, "UPDATE enrolment_tokens SET uses_left = uses_left - 1 WHERE secret_sha256 = ?");
  (spend << secret).run();
  Statement note(db_, "INSERT INTO enrolment_uses VALUES(?, ?, ?)");
  (note << secret << key << now_ms).run();
  transaction.commit();
  return TokenVerdict::kAccepted;
}

}  // namespace dunlin::fleet
