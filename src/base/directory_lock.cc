#include "base/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file_system.h"

namespace dunlin {

DirectoryLock::DirectoryLock(const std::string& dir, const std::string& file_name, std::string_view holder) {
  const std::string path = join_path(dir, file_name);
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) fail(ErrorCode::kIo, "{}: cannot be opened: {}", path, std::strerror(errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd_);
    if (error == EWOULDBLOCK)
      fail(ErrorCode::kFailedPrecondition, "{}: another {} runs in this folder", dir, holder);
    fail(ErrorCode::kIo, "{}: cannot be locked: {}", path, std::strerror(error));
  }
}
DirectoryLock::~DirectoryLock() { ::close(fd_); }

}  // namespace dunlin
