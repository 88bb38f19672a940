// What this layer's tests share: a clock that stands still, and what an error says.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/testing/temporary_folder.h"
#include "fleet/store/sqlite.h"

namespace dunlin::fleet {

/// A clock that moves only when told. Starts at the machine's time, since TLS itself looks at that.
class ManualClock final : public Clock {
 public:
  int64_t now_ms() override { return now_ms_; }
  int64_t monotonic_ms() override { return now_ms_; }
  void sleep_ms(int64_t ms) override { now_ms_ += ms; }
  void advance_ms(int64_t ms) { now_ms_ += ms; }

 private:
  std::atomic<int64_t> now_ms_ = system_clock().now_ms();
};

/// How often an enrolment token may still be used; -1 when it is unknown.
inline int64_t uses_left(const std::string& database_path, const Sha256& secret_hash) {
  Database db(database_path, {.read_only = true});
  Statement s(db, "SELECT uses_left FROM enrolment_tokens WHERE secret_sha256 = ?");
  s << ByteSpan(secret_hash);
  return s.step() ? s.integer(0) : -1;
}

/// The code of the Error that `call` throws; the message goes to `message`. Fails the test when nothing is
/// thrown.
template <typename Call>
ErrorCode code_of(Call&& call, std::string* message = nullptr) {
  try {
    call();
  } catch (const Error& e) {
    if (message) *message = e.what();
    return e.code();
  }
  ADD_FAILURE() << "no error was thrown";
  return ErrorCode::kInternal;
}

}  // namespace dunlin::fleet
