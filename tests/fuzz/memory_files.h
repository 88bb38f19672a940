// Files that exist in memory alone, so that an execution costs no disk.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <string>

#include "base/error.h"
#include "base/file_system.h"

namespace dunlin::fuzz {

class MemoryFiles final : public FileSystem {
 public:
  std::map<std::string, Bytes> files;

  Bytes read(const std::string& path, uint64_t max_bytes) override {
    const Bytes& b = at(path);
    if (b.size() > max_bytes) fail(ErrorCode::kResourceExhausted, "{}: too large", path);
    return b;
  }
  Bytes read_range(const std::string& path, uint64_t offset, uint64_t count) override {
    const ByteSpan all(at(path));
    const ByteSpan from = all.subspan(std::min<uint64_t>(offset, all.size()));
    const ByteSpan piece = from.first(std::min<uint64_t>(count, from.size()));
    return {piece.begin(), piece.end()};
  }
  void write_atomic(const std::string& path, ByteSpan data, unsigned) override {
    files[path] = Bytes(data.begin(), data.end());
  }
  bool exists(const std::string& path) override { return files.contains(path); }
  uint64_t size(const std::string& path) override { return at(path).size(); }
  void write_at(const std::string&, uint64_t, ByteSpan) override { read_only(); }
  void sync(const std::string&) override {}
  void append(const std::string&, ByteSpan) override { read_only(); }
  void rename(const std::string&, const std::string&) override { read_only(); }
  void make_directories(const std::string&, unsigned) override {}
  void remove(const std::string& path) override { files.erase(path); }
  std::vector<std::string> list(const std::string&) override {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files) names.push_back(name);
    return names;
  }

 private:
  const Bytes& at(const std::string& path) const {
    const auto it = files.find(path);
    if (it == files.end()) fail(ErrorCode::kNotFound, "{}: there is no such file", path);
    return it->second;
  }
  [[noreturn]] static void read_only() { fail(ErrorCode::kIo, "no file may be changed here"); }
};

/// Bytes under a name that the system knows, for readers that take a path.
class NamedBytes {
 public:
  explicit NamedBytes(ByteSpan bytes) : fd_(::memfd_create("fuzz", 0)) {
    if (fd_ < 0 || ::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      fail(ErrorCode::kIo, "memfd_create");
  }
  ~NamedBytes() { ::close(fd_); }
  NamedBytes(const NamedBytes&) = delete;
  NamedBytes& operator=(const NamedBytes&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace dunlin::fuzz
