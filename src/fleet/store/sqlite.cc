#include "fleet/store/sqlite.h"

#include <sqlite3.h>

#include "base/error.h"
#include "fleet/store/fault_point.h"

namespace dunlin::fleet {

#ifdef DUNLIN_FAULT_POINTS
FaultHook fault_hook = nullptr;
#endif

namespace {
// Others write too (`dunlin fleet token` beside a running coordinator), never for long.
constexpr int kBusyTimeoutMs = 10'000;
}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Database::Database(const std::string& path, const Options& options) : path_(path) {
  sqlite3* db = nullptr;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (!options.read_only && !options.must_exist) flags |= SQLITE_OPEN_CREATE;
  const int result = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  db_.reset(db);
  if (result != SQLITE_OK) {
    if ((options.read_only || options.must_exist) && (result & 0xff) == SQLITE_CANTOPEN)
      fail(ErrorCode::kNotFound, "{}: there is no fleet database here", path);
    fail_now();
  }
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  run("PRAGMA foreign_keys=ON");
  if (options.read_only) return;
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");  // a commit survives a power cut, not only a crash
  if (options.max_pages > 0) run(fmt::format("PRAGMA max_page_count={}", options.max_pages).c_str());
}

Database::~Database() = default;

void Database::run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail_now();
}

int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }

void Database::fail_now() const {
  const int code = db_ ? sqlite3_errcode(db_.get()) & 0xff : SQLITE_NOMEM;
  ErrorCode kind = ErrorCode::kIo;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = ErrorCode::kCorrupt;
  if (code == SQLITE_CONSTRAINT) kind = ErrorCode::kFailedPrecondition;
  fail(kind, "{}: {}", path_, db_ ? sqlite3_errmsg(db_.get()) : "out of memory");
}

Statement::Statement(Database& db, const char* sql) : db_(db) {
  if (sqlite3_prepare_v2(db.handle(), sql, -1, &statement_, nullptr) != SQLITE_OK) db.fail_now();
}
Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::operator<<(int64_t value) {
  if (sqlite3_bind_int64(statement_, next_++, value) != SQLITE_OK) db_.fail_now();
  return *this;
}
Statement& Statement::operator<<(double value) {
  if (sqlite3_bind_double(statement_, next_++, value) != SQLITE_OK) db_.fail_now();
  return *this;
}
Statement& Statement::operator<<(std::string_view text) {
  if (sqlite3_bind_text64(statement_, next_++, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT,
                          SQLITE_UTF8) != SQLITE_OK)
    db_.fail_now();
  return *this;
}
Statement& Statement::operator<<(ByteSpan blob) {
  if (sqlite3_bind_blob64(statement_, next_++, blob.empty() ? "" : static_cast<const void*>(blob.data()),
                          blob.size(), SQLITE_TRANSIENT) != SQLITE_OK)
    db_.fail_now();
  return *this;
}
Statement& Statement::operator<<(std::nullopt_t) {
  if (sqlite3_bind_null(statement_, next_++) != SQLITE_OK) db_.fail_now();
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) {
    sqlite3_reset(statement_);
    db_.fail_now();
  }
  return false;
}

void Statement::run() {
  while (step()) {
  }
  sqlite3_reset(statement_);
  next_ = 1;
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string Statement::text(int column) const {
  const auto* p = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return p ? std::string(p, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}
Bytes Statement::blob(int column) const {
  const auto* p = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return p ? Bytes(p, p + sqlite3_column_bytes(statement_, column)) : Bytes();
}
bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

Transaction::Transaction(Database& db, const char* name) : db_(db), name_(name) {
  DUNLIN_FAULT_POINT(name_, "before");
  db_.run("BEGIN IMMEDIATE");
}
Transaction::~Transaction() {
  // After some errors (a full disk) SQLite has rolled back already; a second rollback then does nothing.
  if (!done_) sqlite3_exec(db_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}
void Transaction::commit() {
  DUNLIN_FAULT_POINT(name_, "commit");
  db_.run("COMMIT");
  done_ = true;
  DUNLIN_FAULT_POINT(name_, "after");
}

}  // namespace dunlin::fleet
