// A folder that one process at a time may work in.
#pragma once

#include <string>
#include <string_view>

namespace dunlin {

/// Holds DIR/FILE_NAME locked while it lives, also against kill -9: the lock ends with the process. The folder must
/// exist. Throws kFailedPrecondition, "DIR: another HOLDER runs in this folder", when somebody else has it.
class DirectoryLock {
 public:
  DirectoryLock(const std::string& dir, const std::string& file_name, std::string_view holder);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int fd_;
};

}  // namespace dunlin
