// A folder for what a command needs only while it runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/directory_lock.h"

namespace dunlin::cli {

/// TMPDIR/NAME-XXXXXX, gone when the command ends. Nothing can tidy up after kill -9: the next command of that
/// name removes what such a one left, which it knows by the lock that nobody holds any more.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& name);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  std::string file(std::string_view name) const;

 private:
  std::string path_;
  std::optional<DirectoryLock> lock_;
};

}  // namespace dunlin::cli
