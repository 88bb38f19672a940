#include "fleet/store/revocations.h"

#include "base/error.h"
#include "fleet/store/schema.h"

namespace dunlin::fleet {

void Revocations::check(const std::string& device) {
  std::lock_guard lock(mutex_);
  Statement s(db_, "SELECT 1 FROM revocations WHERE device = ?");
  s << device;
  if (s.step())
    fail(ErrorCode::kPermissionDenied,
         "device {}: the fleet's administrator has revoked its membership (dunlin fleet revoke)", device);
}

bool revoke_device(const std::string& path, const std::string& device, int64_t now_ms) {
  if (device.size() != 32 || device.find_first_not_of("0123456789abcdef") != std::string::npos)
    fail(ErrorCode::kInvalidArgument,
         "device {}: a device's name is 32 hexadecimal digits; `dunlin fleet devices` lists those that have "
         "looked in, the coordinator's log names each that enrolled",
         device);
  Database db(path, {.must_exist = true});
  check_schema(db);
  Transaction t(db, "revoke_device");
  Statement s(db, "INSERT INTO revocations(device, revoked_ms) VALUES(?, ?) ON CONFLICT(device) DO NOTHING");
  (s << device << now_ms).run();
  Statement known(db, "SELECT 1 FROM devices WHERE id = ?");
  known << device;
  const bool has_looked_in = known.step();
  t.commit();
  return has_looked_in;
}

}  // namespace dunlin::fleet
