#include "outputs.h"

#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file_system.h"

namespace dunlin::cli {

void check_output_file(const std::string& path) {
  namespace fs = std::filesystem;
  if (path.empty()) fail(ErrorCode::kInvalidArgument, "the output file has no name");
  std::error_code ignored;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty() && !fs::exists(folder, ignored))
    fail(ErrorCode::kNotFound, "{}: the folder {} does not exist; make it first", path, folder.string());
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    fail(ErrorCode::kInvalidArgument, "{}: is {}, a file name is expected", path,
         fs::is_directory(path, ignored) ? "a folder" : "not a regular file");
  FileSystem& files = system_files();
  const std::string probe = path + ".probe" + std::to_string(::getpid());
  try {
    files.write_atomic(probe, {});
    files.remove(probe);
  } catch (const Error& e) {
    fail(e.code(), "{}: cannot be written there: {}", path, e.what());
  }
}

void check_output_folder(const std::string& path) {
  if (path.empty()) fail(ErrorCode::kInvalidArgument, "the output folder has no name");
  system_files().make_directories(path);
  check_output_file(join_path(path, ".dunlin"));
}

}  // namespace dunlin::cli
