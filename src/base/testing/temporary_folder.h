// For tests: a folder of its own that goes away with the object. Tests run side by side; a name that two of them
// share is a race.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/error.h"

namespace dunlin {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ =
        (std::filesystem::canonical(std::filesystem::temp_directory_path()) / "dunlin-test-XXXXXX").string();
    if (!::mkdtemp(path_.data())) fail(ErrorCode::kIo, "{}: cannot be made", path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace dunlin
