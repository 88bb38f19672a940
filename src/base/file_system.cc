#include "base/file_system.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"

namespace dunlin {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_io(const char* doing, const std::string& path, int error = errno) {
  fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: cannot {}: {}", path, doing,
       std::strerror(error));
}

class File {
 public:
  /// Errors speak of `shown`, the name the caller knows, when it is given.
  File(const std::string& path, int flags, unsigned mode, const char* doing, const std::string& shown = {})
      : path_(shown.empty() ? path : shown), fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) fail_io(doing, path_);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  struct stat stat() const {
    struct stat s {};
    if (::fstat(fd_, &s) != 0) fail_io("stat", path_);
    return s;
  }
  void write_all(ByteSpan data) const {
    while (!data.empty()) {
      const ssize_t n = ::write(fd_, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_io("write", path_);
      data = data.subspan(static_cast<size_t>(n));
    }
  }
  void sync() const {
    if (::fsync(fd_) != 0) fail_io("write", path_);
  }

 private:
  std::string path_;
  int fd_;
};

void sync_parent(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  File(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY, 0, "open").sync();
}

class SystemFiles final : public FileSystem {
 public:
  Bytes read(const std::string& path, uint64_t max_bytes) override {
    const uint64_t bytes = size(path);
    if (bytes > max_bytes)
      fail(ErrorCode::kResourceExhausted, "{}: {} bytes, more than the limit of {}", path, bytes, max_bytes);
    return read_range(path, 0, bytes);
  }

  Bytes read_range(const std::string& path, uint64_t offset, uint64_t count) override {
    File file(path, O_RDONLY | O_NONBLOCK, 0, "open");
    const uint64_t end = static_cast<uint64_t>(file.stat().st_size);
    Bytes out(offset < end ? std::min(count, end - offset) : 0);
    for (size_t done = 0; done < out.size();) {
      const ssize_t n =
          ::pread(file.fd(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_io("read", path);
      if (n == 0) {  // it shrank meanwhile
        out.resize(done);
        break;
      }
      done += static_cast<size_t>(n);
    }
    return out;
  }

  void write_atomic(const std::string& path, ByteSpan data, unsigned mode) override {
    struct stat old {};
    // Renaming over a device such as /dev/null would put a file in its place.
    if (::stat(path.c_str(), &old) == 0 && !S_ISREG(old.st_mode))
      fail(ErrorCode::kInvalidArgument, "{}: is {}, a file is expected", path,
           S_ISDIR(old.st_mode) ? "a folder" : "not a regular file");
    // Of this process and this call: two writers of one path must not meet in one file.
    const std::string temporary = fmt::format("{}.tmp{}-{}", path, ::getpid(), ++num_temporaries_);
    try {
      File file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode, "create", path);
      file.write_all(data);
      file.sync();
      if (::rename(temporary.c_str(), path.c_str()) != 0) fail_io("write", path);
    } catch (...) {
      ::unlink(temporary.c_str());
      throw;
    }
    sync_parent(path);
  }

  void write_at(const std::string& path, uint64_t offset, ByteSpan data) override {
    File file(path, O_WRONLY | O_CREAT, 0644, "open");
    if (::lseek(file.fd(), static_cast<off_t>(offset), SEEK_SET) < 0) fail_io("seek", path);
    file.write_all(data);
  }

  void sync(const std::string& path) override {
    File(path, O_RDONLY, 0, "open").sync();
    sync_parent(path);
  }

  void append(const std::string& path, ByteSpan data) override {
    const bool fresh = !exists(path);
    File file(path, O_WRONLY | O_CREAT | O_APPEND, 0644, "open");
    file.write_all(data);
    file.sync();
    if (fresh) sync_parent(path);
  }

  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail_io("rename", from);
    sync_parent(to);
  }

  bool exists(const std::string& path) override {
    std::error_code error;
    return fs::exists(path, error);
  }

  uint64_t size(const std::string& path) override {
    // O_NONBLOCK: a pipe must not make us wait.
    const struct stat s = File(path, O_RDONLY | O_NONBLOCK, 0, "open").stat();
    if (!S_ISREG(s.st_mode))
      fail(ErrorCode::kInvalidArgument, "{}: is {}, a file is expected", path,
           S_ISDIR(s.st_mode) ? "a folder" : "not a regular file");
    return static_cast<uint64_t>(s.st_size);
  }

  void make_directories(const std::string& path, unsigned mode) override {
    std::error_code error;
    if (fs::is_directory(path, error)) return;
    if (fs::exists(path, error)) fail(ErrorCode::kIo, "{}: is a file, a folder is expected", path);
    const std::string parent = fs::path(path).parent_path().string();
    if (!parent.empty()) make_directories(parent, mode);
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) fail_io("create the folder", path);
    sync_parent(path);
  }

  void remove(const std::string& path) override {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) fail_io("remove", path, error.value());
  }

  std::vector<std::string> list(const std::string& path) override {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
      names.push_back(it->path().filename().string());
    if (error) fail_io("list", path, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::atomic<uint64_t> num_temporaries_{0};
};

// NAME.tmpPID-NUMBER, as write_atomic makes them.
bool is_temporary(std::string_view name) {
  const size_t at = name.rfind(".tmp");
  return at != std::string_view::npos && at + 4 < name.size() &&
         name.find_first_not_of("0123456789-", at + 4) == std::string_view::npos;
}

}  // namespace

FileSystem& system_files() {
  static SystemFiles files;
  return files;
}

void MappedFile::map(int fd, const std::string& path) {
  struct stat s {};
  if (::fstat(fd, &s) != 0) fail_io("stat", path);
  if (!S_ISREG(s.st_mode))
    fail(ErrorCode::kIo, "{}: is {}, a file is expected", path,
         S_ISDIR(s.st_mode) ? "a folder" : "not a regular file");
  const size_t size = static_cast<size_t>(s.st_size);
  if (size == 0) return;
  void* p = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (p == MAP_FAILED) fail_io("map", path);
  bytes_ = {static_cast<const std::byte*>(p), size};
}

MappedFile::MappedFile(const std::string& path) {
  map(File(path, O_RDONLY | O_NONBLOCK, 0, "open").fd(), path);
}

MappedFile::MappedFile(const std::string& folder, const std::string& relative) {
  const fs::path path(relative);
  const std::string shown = folder.empty() ? "." : folder;
  if (path.empty() || path.is_absolute() || !path.has_filename() || relative.find('\0') != std::string::npos)
    fail(ErrorCode::kPermissionDenied, "\"{}\": not a file name relative to {}", relative, shown);
  for (const fs::path& part : path)
    if (part == "..") fail(ErrorCode::kPermissionDenied, "\"{}\": leaves the folder {}", relative, shown);
  int fd = ::open(shown.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_io("open", folder);
  const std::string whole = join_path(folder, relative);
  for (auto part = path.begin(); part != path.end(); ++part) {
    const bool last = std::next(part) == path.end();
    // O_NONBLOCK: a pipe must not make us wait.
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    const int next = ::openat(fd, part->c_str(), flags);
    const int error = errno;
    struct stat s {};
    const bool link =
        next < 0 && ::fstatat(fd, part->c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(s.st_mode);
    ::close(fd);
    fd = next;
    if (link) fail(ErrorCode::kPermissionDenied, "{}: \"{}\" is a symbolic link", whole, part->string());
    if (fd < 0) fail_io("open", whole, error);
  }
  try {
    map(fd, whole);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void remove_temporaries(const std::string& dir, FileSystem& files) {
  for (const std::string& name : files.list(dir))
    if (is_temporary(name)) files.remove(join_path(dir, name));
}

std::string join_path(std::string_view directory, std::string_view name) {
  return (fs::path(directory) / name).string();
}

}  // namespace dunlin
