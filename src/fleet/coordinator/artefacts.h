// Artefacts (models, a strategy's tensors, accumulators) as files named by their SHA-256.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/file_system.h"

namespace dunlin::fleet {

/// Thread safe. Writing what is there already does nothing, so that a resumed round may write again.
class Artefacts {
 public:
  Artefacts(std::string dir, FileSystem& files);

  /// The hash, hex; durable when it returns.
  std::string put(ByteSpan bytes);
  /// Throws kNotFound; kCorrupt when the bytes are not those of the name.
  std::shared_ptr<const Bytes> read(const std::string& sha256);
  /// `bytes` were put or read under this name and will be asked for again soon.
  void keep(const std::string& sha256, Bytes bytes);
  void remove(const std::string& sha256);
  const std::string& dir() const { return dir_; }
  /// The file's path, for whoever serves it in chunks.
  std::string path(const std::string& sha256) const;

 private:
  std::string dir_;
  FileSystem& files_;
  std::mutex mutex_;
  // The last one read or kept.
  std::string cached_name_;
  std::shared_ptr<const Bytes> cached_;
};

}  // namespace dunlin::fleet
