// A folder for what a command needs only while it runs.
#pragma once

#include <string>
#include <string_view>

namespace dunlin::cli {

/// TMPDIR/NAME-XXXXXX, gone when the command ends. What a command leaves that a signal killed, the next one of that
/// name removes: nobody holds its lock any more.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& name);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const;

 private:
  std::string path_;
  int lock_;
};

}  // namespace dunlin::cli
