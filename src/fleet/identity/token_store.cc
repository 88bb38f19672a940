#include "fleet/identity/token_store.h"

#include <sqlite3.h>

#include "base/error.h"

namespace dunlin::fleet {

namespace {

// A coordinator's longest transaction takes far less.
constexpr int kBusyTimeoutMs = 10'000;

[[noreturn]] void fail_sql(const std::string& path, sqlite3* db) {
  const int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
  fail(code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::kCorrupt : ErrorCode::kIo, "{}: {}", path,
       db ? sqlite3_errmsg(db) : "out of memory");
}

class Statement {
 public:
  Statement(const std::string& path, sqlite3* db, const char* sql) : path_(path), db_(db) {
    if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) fail_sql(path, db);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, const Sha256& hash) {
    sqlite3_bind_blob(statement_, index, hash.data(), static_cast<int>(hash.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int index, int64_t value) {
    sqlite3_bind_int64(statement_, index, value);
    return *this;
  }
  /// Whether there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) fail_sql(path_, db_);
    return result == SQLITE_ROW;
  }
  int64_t number(int column) { return sqlite3_column_int64(statement_, column); }

 private:
  const std::string& path_;
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
};

void run(const std::string& path, sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail_sql(path, db);
}

// IMMEDIATE: two processes that read first and write later would otherwise refuse each other.
class Transaction {
 public:
  Transaction(const std::string& path, sqlite3* db) : path_(path), db_(db) {
    run(path, db, "BEGIN IMMEDIATE");
  }
  ~Transaction() {
    if (!done_) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    run(path_, db_, "COMMIT");
    done_ = true;
  }

 private:
  const std::string& path_;
  sqlite3* db_;
  bool done_ = false;
};

}  // namespace

void TokenStore::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

TokenStore::TokenStore(const std::string& database_path) : path_(database_path) {
  sqlite3* db = nullptr;
  const int result = sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  db_.reset(db);
  if (result != SQLITE_OK) fail_sql(path_, db);
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  run(path_, db,
      "PRAGMA journal_mode=WAL;"
      "PRAGMA synchronous=FULL;"
      "CREATE TABLE IF NOT EXISTS enrolment_tokens("
      "  secret_sha256 BLOB PRIMARY KEY, uses_left INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT "
      "ROWID;"
      "CREATE TABLE IF NOT EXISTS enrolment_uses("
      "  secret_sha256 BLOB NOT NULL, public_key_sha256 BLOB NOT NULL, used_ms INTEGER NOT NULL,"
      "  PRIMARY KEY(secret_sha256, public_key_sha256)) WITHOUT ROWID;");
}

TokenStore::~TokenStore() = default;

void TokenStore::add(const Sha256& secret_hash, int64_t uses, int64_t expires_ms) {
  if (uses < 1) fail(ErrorCode::kInvalidArgument, "enrolment token: {} uses, at least 1 is expected", uses);
  Statement(path_, db_.get(), "INSERT INTO enrolment_tokens VALUES(?,?,?)")
      .bind(1, secret_hash)
      .bind(2, uses)
      .bind(3, expires_ms)
      .step();
}

TokenVerdict TokenStore::try_use(const Sha256& secret_hash, const Sha256& public_key_hash, int64_t now_ms) {
  Transaction transaction(path_, db_.get());
  {
    Statement token(path_, db_.get(),
                    "SELECT uses_left, expires_ms FROM enrolment_tokens WHERE secret_sha256=?");
    if (!token.bind(1, secret_hash).step()) return TokenVerdict::kUnknown;
    if (now_ms >= token.number(1)) return TokenVerdict::kExpired;
    Statement used(path_, db_.get(),
                   "SELECT 1 FROM enrolment_uses WHERE secret_sha256=? AND public_key_sha256=?");
    if (used.bind(1, secret_hash).bind(2, public_key_hash).step()) return TokenVerdict::kAccepted;
    if (token.number(0) < 1) return TokenVerdict::kUsedUp;
  }
  Statement(path_, db_.get(), "UPDATE enrolment_tokens SET uses_left = uses_left - 1 WHERE secret_sha256=?")
      .bind(1, secret_hash)
      .step();
  Statement(path_, db_.get(), "INSERT INTO enrolment_uses VALUES(?,?,?)")
      .bind(1, secret_hash)
      .bind(2, public_key_hash)
      .bind(3, now_ms)
      .step();
  transaction.commit();
  return TokenVerdict::kAccepted;
}

int64_t TokenStore::uses_left(const Sha256& secret_hash) {
  Statement token(path_, db_.get(), "SELECT uses_left FROM enrolment_tokens WHERE secret_sha256=?");
  return token.bind(1, secret_hash).step() ? token.number(0) : -1;
}

}  // namespace dunlin::fleet
