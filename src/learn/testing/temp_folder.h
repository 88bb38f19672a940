// For tests: a folder to write data into, and what an error says.
#pragma once

#include <fstream>
#include <string>

#include "base/error.h"
#include "base/file_system.h"
#include "base/testing/temporary_folder.h"

namespace dunlin::testing {

class TempFolder : public TemporaryFolder {
 public:
  std::string operator/(const std::string& name) const { return file(name); }
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
