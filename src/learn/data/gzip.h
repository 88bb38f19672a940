// Inflating a .gz piece by piece: neither its bytes nor what they hold lie in memory as a whole.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/file_system.h"

namespace dunlin {

class GzipFile {
 public:
  /// Throws kNotFound or kIo.
  GzipFile(FileSystem& files, const std::string& path);
  ~GzipFile();
  GzipFile(GzipFile&&) noexcept;
  GzipFile& operator=(GzipFile&&) noexcept;

  /// The next bytes; fewer than asked for only at the end. Throws kCorrupt naming the file.
  size_t read(std::span<std::byte> out);
  /// Passes over bytes; returns over how many.
  uint64_t skip(uint64_t count);
  /// Throws kCorrupt unless a file of this size can inflate to `bytes`: a small one must not fill the memory.
  void expect_room_for(uint64_t bytes) const;
  /// Call after `bytes` in all: throws kCorrupt unless the file ends there and its checksum is right.
  void expect_end(uint64_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dunlin
