// For tests: a folder that goes away with the object, and a dataset made of plain vectors.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/file_system.h"

namespace dunlin::testing {

class TempFolder {
 public:
  TempFolder() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base ? base : "/tmp") + "/dunlin_learn_XXXXXX";
    if (!::mkdtemp(path_.data())) fail(ErrorCode::kIo, "{}: cannot make a folder", path_);
  }
  ~TempFolder() { system_files().remove(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file (making its folder) and returns its path.
  std::string write(const std::string& name, ByteSpan data) const {
    const std::string path = *this / name;
    system_files().make_directories(path.substr(0, path.rfind('/')));
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data.data()), std::ssize(data));
    return path;
  }
  std::string write(const std::string& name, std::string_view text) const {
    return write(name, as_bytes(text));
  }

 private:
  std::string path_;
};

/// What the error of `f` says; "" when there is none.
template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace dunlin::testing
