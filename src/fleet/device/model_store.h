// The versions on a device: the one it runs, and one on its way. Survives the process, so that a device that
// starts without a network runs what it ran.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "fleet/transport/chunks.h"

namespace dunlin::fleet {

class ModelStore {
 public:
  struct Current {
    uint64_t version = 0;
    Sha256 sha256{};
    std::string path;
  };

  ModelStore(const std::string& state_dir, FileSystem& files);

  /// The version set last, if its file is whole.
  std::optional<Current> current() const;
  /// The file of a version, fetched unless it is here.
  std::string fetch(const Sha256& name, ChunkClient& chunks, std::stop_token stop);
  /// From now on this one, which was fetched, is run; every other file goes.
  void set_current(uint64_t version, const Sha256& name);

 private:
  std::string path_of(const Sha256& name) const;
  std::string dir_;
  FileSystem& files_;
};

/// Throws kCorrupt unless it is 32 bytes.
Sha256 sha256_of(const std::string& bytes, std::string_view what);

}  // namespace dunlin::fleet
