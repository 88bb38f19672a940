// For tests: a disk that fills up.
#pragma once

#include <atomic>

#include "base/error.h"
#include "base/file_system.h"

namespace dunlin::fleet {

/// The machine's files; once `writes_left` are used up it is full, until there is room again.
class FullDisk final : public FileSystem {
 public:
  std::atomic<int> writes_left{INT32_MAX};
  std::atomic<int> writes{0};

  Bytes read(const std::string& path, uint64_t max) override { return disk_.read(path, max); }
  Bytes read_range(const std::string& path, uint64_t offset, uint64_t count) override {
    return disk_.read_range(path, offset, count);
  }
  void write_atomic(const std::string& path, ByteSpan data, unsigned mode) override {
    spend(path);
    disk_.write_atomic(path, data, mode);
  }
  void write_at(const std::string& path, uint64_t offset, ByteSpan data) override {
    if (--writes_left < 0) {  // as much as there is room for arrives
      disk_.write_at(path, offset, data.first(data.size() / 2));
      full(path);
    }
    ++writes;
    disk_.write_at(path, offset, data);
  }
  void sync(const std::string& path) override { disk_.sync(path); }
  void append(const std::string& path, ByteSpan data) override {
    spend(path);
    disk_.append(path, data);
  }
  void rename(const std::string& from, const std::string& to) override { disk_.rename(from, to); }
  bool exists(const std::string& path) override { return disk_.exists(path); }
  uint64_t size(const std::string& path) override { return disk_.size(path); }
  void make_directories(const std::string& path, unsigned mode) override {
    disk_.make_directories(path, mode);
  }
  void remove(const std::string& path) override { disk_.remove(path); }
  std::vector<std::string> list(const std::string& path) override { return disk_.list(path); }

 private:
  [[noreturn]] static void full(const std::string& path) {
    fail(ErrorCode::kIo, "{}: cannot write: No space left on device", path);
  }
  void spend(const std::string& path) {
    if (--writes_left < 0) full(path);
    ++writes;
  }
  FileSystem& disk_ = system_files();
};

}  // namespace dunlin::fleet
