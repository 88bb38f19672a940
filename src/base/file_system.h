// Files, handed in so that tests can fill the disk or cut the power between any two writes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace dunlin {

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// The whole file. Throws kNotFound or kIo; kResourceExhausted when it is larger than `max_bytes`.
  virtual Bytes read(const std::string& path, uint64_t max_bytes = UINT64_MAX) = 0;
  /// `count` bytes from `offset`; fewer only at the end of the file.
  virtual Bytes read_range(const std::string& path, uint64_t offset, uint64_t count) = 0;
  /// All or nothing: a temporary file, fsync, rename, fsync of the folder. Mode is that of the new file.
  virtual void write_atomic(const std::string& path, ByteSpan data, unsigned mode = 0644) = 0;
  /// Writes at an offset; makes the file when missing. Durable only after sync(path), so that a file that
  /// comes in parts costs one wait for the disk, not one a part.
  virtual void write_at(const std::string& path, uint64_t offset, ByteSpan data) = 0;
  /// What was written to the file, and its name, are durable when it returns.
  virtual void sync(const std::string& path) = 0;
  /// Adds to the end (of a new file, when missing) and makes it durable before returning.
  virtual void append(const std::string& path, ByteSpan data) = 0;
  /// Replaces `to`, durably.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual uint64_t size(const std::string& path) = 0;
  /// Those that are missing, durably.
  virtual void make_directories(const std::string& path, unsigned mode = 0755) = 0;
  /// A file or a whole folder; nothing happens when it is missing.
  virtual void remove(const std::string& path) = 0;
  /// Names inside a folder, sorted.
  virtual std::vector<std::string> list(const std::string& path) = 0;
};

/// The machine's files. Lives for the whole process; thread safe.
FileSystem& system_files();

/// A file's bytes, mapped read-only. The mapping lives as long as the object.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  /// `relative` inside `folder`, for names that come out of a file: an absolute path, `..`, and a symbolic
  /// link anywhere below the folder are refused (kPermissionDenied), checked while opening, so that nothing
  /// can be swapped in between.
  MappedFile(const std::string& folder, const std::string& relative);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ByteSpan bytes() const { return bytes_; }

 private:
  void map(int fd, const std::string& path);
  ByteSpan bytes_;
};

/// Removes what a killed process left of its write_atomic calls in this folder. Nobody may be writing there.
void remove_temporaries(const std::string& dir, FileSystem& files);

/// "DIR/NAME"
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace dunlin
