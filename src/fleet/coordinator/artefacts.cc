#include "fleet/coordinator/artefacts.h"

#include <utility>

#include "base/error.h"
#include "fleet/store/fault_point.h"

namespace dunlin::fleet {

Artefacts::Artefacts(std::string dir, FileSystem& files) : dir_(std::move(dir)), files_(files) {
  files_.make_directories(dir_);
  remove_temporaries(dir_, files_);
}

std::string Artefacts::path(const std::string& sha256) const {
  if (sha256.size() != 64 || from_hex(sha256).size() != 32)
    fail(ErrorCode::kInvalidArgument, "not a SHA-256 in hexadecimal: \"{}\"", sha256.substr(0, 80));
  return join_path(dir_, sha256);
}

std::string Artefacts::put(ByteSpan bytes) {
  const std::string name = to_hex(sha256(bytes));
  DUNLIN_FAULT_POINT("artefact", "before");
  if (!files_.exists(path(name))) files_.write_atomic(path(name), bytes);
  DUNLIN_FAULT_POINT("artefact", "after");
  return name;
}

std::shared_ptr<const Bytes> Artefacts::read(const std::string& name) {
  {
    std::lock_guard lock(mutex_);
    if (cached_ && cached_name_ == name) return cached_;
  }
  auto bytes = std::make_shared<const Bytes>(files_.read(path(name)));
  if (to_hex(sha256(*bytes)) != name)
    fail(ErrorCode::kCorrupt, "{}: its bytes are not those of its name", path(name));
  std::lock_guard lock(mutex_);
  cached_name_ = name;
  cached_ = bytes;
  return bytes;
}

void Artefacts::keep(const std::string& name, Bytes bytes) {
  std::lock_guard lock(mutex_);
  cached_name_ = name;
  cached_ = std::make_shared<const Bytes>(std::move(bytes));
}

void Artefacts::remove(const std::string& name) {
  DUNLIN_FAULT_POINT("artefact_remove", "before");
  files_.remove(join_path(dir_, name));
}

}  // namespace dunlin::fleet
