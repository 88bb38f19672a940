#include "fleet/store/revocations.h"

#include "base/error.h"
#include "fleet/store/schema.h"

namespace dunlin::fleet {

void Revocations::check(const std::string& device) {
  std::lock_guard lock(mutex_);
  Statement s(db_, "SELECT 1 FROM devices WHERE id = ? AND revoked_ms IS NOT NULL");
  s << device;
  if (s.step())
    fail(ErrorCode::kPermissionDenied,
         "device {}: the fleet's administrator has revoked its membership (dunlin fleet revoke)", device);
}

void revoke_device(const std::string& path, const std::string& device, int64_t now_ms) {
  Database db(path, {.must_exist = true});
  check_schema(db);
  Transaction t(db, "revoke_device");
  Statement s(db, "UPDATE devices SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?");
  (s << now_ms << device).run();
  if (db.changes() == 0)
    fail(ErrorCode::kNotFound,
         "device {}: none of that name has looked in; `dunlin fleet devices` lists those that have", device);
  t.commit();
}

}  // namespace dunlin::fleet
