#include "work_folder.h"

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
constexpr const char* kLock = "lock";

bool is_ours(const std::string& path, mode_t kind) {
  struct stat s;
  return ::lstat(path.c_str(), &s) == 0 && s.st_uid == ::geteuid() && (s.st_mode & S_IFMT) == kind;
}

void remove_abandoned(const fs::path& dir, const std::string& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& e : fs::directory_iterator(dir, ignored)) {
    const std::string path = e.path().string();
    if (!e.path().filename().string().starts_with(prefix) || !is_ours(path, S_IFDIR) ||
        !is_ours(join_path(path, kLock), S_IFREG))
      continue;
    try {
      const DirectoryLock lock(path, kLock, "command");
      fs::remove_all(path, ignored);
    } catch (const Error&) {
      // In use.
    }
  }
}

}  // namespace

WorkFolder::WorkFolder(const std::string& name) {
  const fs::path dir = fs::temp_directory_path();
  const std::string prefix = name + "-";
  remove_abandoned(dir, prefix);
  std::string path = (dir / (prefix + "XXXXXX")).string();
  if (!::mkdtemp(path.data())) fail(ErrorCode::kIo, "{}: cannot be made: {}", path, std::strerror(errno));
  path_ = path;
  lock_.emplace(path_, kLock, "command");
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string WorkFolder::file(std::string_view name) const { return join_path(path_, name); }

}  // namespace dunlin::cli
