// SQLite as the store uses it: statements that bind and read by position, and transactions that roll back by
// default.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace dunlin::fleet {

/// One connection. Errors throw kIo (a full disk included), kCorrupt or kFailedPrecondition (a constraint),
/// naming the file. Not thread safe.
class Database {
 public:
  struct Options {
    bool read_only = false;
    bool must_exist = false;  // as read_only does; otherwise the file is made
    int64_t max_pages = 0;    // of 4096 bytes; 0: no limit
  };
  Database(const std::string& path, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t changes() const;
  [[noreturn]] void fail_now() const;
  sqlite3* handle() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

class Statement {
 public:
  Statement(Database& db, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Binds the next parameter.
  Statement& operator<<(int64_t value);
  Statement& operator<<(uint64_t value) { return *this << static_cast<int64_t>(value); }
  Statement& operator<<(int value) { return *this << int64_t{value}; }
  Statement& operator<<(uint32_t value) { return *this << int64_t{value}; }
  Statement& operator<<(double value);
  Statement& operator<<(std::string_view text);
  Statement& operator<<(ByteSpan blob);
  Statement& operator<<(std::nullopt_t);
  template <typename T>
  Statement& operator<<(const std::optional<T>& value) {
    return value ? *this << *value : *this << std::nullopt;
  }

  /// Whether there is a (further) row.
  bool step();
  /// For statements without rows; may be bound and run again.
  void run();

  int64_t integer(int column) const;
  uint64_t number(int column) const { return static_cast<uint64_t>(integer(column)); }
  double real(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;
  bool is_null(int column) const;

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
  int next_ = 1;
};

/// BEGIN IMMEDIATE; rolls back unless committed. `name` is its fault point.
class Transaction {
 public:
  Transaction(Database& db, const char* name);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& db_;
  const char* name_;
  bool done_ = false;
};

}  // namespace dunlin::fleet
