// What an artefact (a model, a plan, an update) is made of: hashes by which any part of it can be checked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "fleet/wire/chunks.pb.h"

namespace dunlin::fleet {

// Small enough that the copies on a chunk's way stay in a core's cache and come from the heap, not from the system.
constexpr uint32_t kChunkBytes = 256 << 10;

struct Manifest {
  Sha256 sha256{};  // of the whole artefact: its name
  uint64_t size = 0;
  uint32_t chunk_size = kChunkBytes;  // of every chunk but the last
  std::vector<Sha256> chunks;

  uint64_t offset(uint32_t index) const { return uint64_t{index} * chunk_size; }
  uint64_t chunk_bytes(uint32_t index) const { return std::min<uint64_t>(chunk_size, size - offset(index)); }
  bool operator==(const Manifest&) const = default;
};

Manifest make_manifest(ByteSpan data);
Manifest make_manifest(const std::string& path, FileSystem& files);

wire::v1::Manifest to_wire(const Manifest& manifest);
/// kInvalidArgument when it contradicts itself, kResourceExhausted when the artefact is larger than
/// `max_bytes`.
Manifest from_wire(const wire::v1::Manifest& message, uint64_t max_bytes);
/// kInvalidArgument unless it has 32 bytes.
Sha256 sha256_from_wire(const std::string& bytes);

/// kCorrupt unless `data` is chunk `index`.
void check_chunk(const Manifest& manifest, uint32_t index, ByteSpan data);
/// The chunks that a file, which may be partial or missing, does not hold. What is there is judged by its
/// hash, so that a torn write or a foreign file does no harm.
std::vector<uint32_t> missing_chunks(const Manifest& manifest, const std::string& path, FileSystem& files);
/// The hash of a file of any size.
Sha256 sha256_of_file(const std::string& path, FileSystem& files);

}  // namespace dunlin::fleet
