#include "work_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file_system.h"

namespace dunlin::cli {

namespace {

namespace fs = std::filesystem;
constexpr std::string_view kUnique = "XXXXXX";        // mkdtemp's
constexpr const char* kMark = ".dunlin-work-folder";  // nothing else that Dunlin makes holds such a file

/// A descriptor that holds the folder locked; -1 when it is not ours, another process has it, or it is gone.
int lock_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat held, named;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &held) == 0 && held.st_uid == ::geteuid() &&
      ::lstat(path.c_str(), &named) == 0 && named.st_ino == held.st_ino)  // not removed while we waited
    return fd;
  ::close(fd);
  return -1;
}

void remove_abandoned(const fs::path& dir, const std::string& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& e : fs::directory_iterator(dir, ignored)) {
    const std::string name = e.path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + kUnique.size()) continue;
    const int lock = lock_folder(e.path().string());
    if (lock < 0) continue;
    if (fs::exists(e.path() / kMark, ignored))
      fs::remove_all(e.path(), ignored);
    else
      fs::remove(e.path(), ignored);  // only if it is empty: killed before it was marked
    ::close(lock);
  }
}

}  // namespace

WorkFolder::WorkFolder(const std::string& name) {
  std::error_code error;
  const fs::path dir = fs::temp_directory_path(error);
  if (error) fail(ErrorCode::kNotFound, "TMPDIR: {}: not a folder", dir.string());
  const std::string prefix = name + "-";
  remove_abandoned(dir, prefix);
  do {  // again if another command took it for abandoned before it was locked
    path_ = (dir / (prefix + std::string(kUnique))).string();
    if (!::mkdtemp(path_.data())) fail(ErrorCode::kIo, "{}: cannot be made: {}", path_, std::strerror(errno));
    lock_ = lock_folder(path_);
  } while (lock_ < 0 && !fs::exists(path_));
  if (lock_ < 0) fail(ErrorCode::kIo, "{}: cannot be locked: {}", path_, std::strerror(errno));
  system_files().write_atomic(file(kMark), {});
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(lock_);
}

std::string WorkFolder::file(std::string_view name) const { return join_path(path_, name); }

}  // namespace dunlin::cli
