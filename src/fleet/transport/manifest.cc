#include "fleet/transport/manifest.h"

#include "base/error.h"

namespace dunlin::fleet {

namespace {

constexpr uint32_t kMinChunkBytes = 4096;
constexpr uint32_t kMaxChunkBytes = 1 << 20;  // with its envelope far below every message cap

template <typename ReadChunk>
Manifest describe(uint64_t size, ReadChunk&& read_chunk) {
  Manifest manifest;
  manifest.size = size;
  const uint64_t count = (size + kChunkBytes - 1) / kChunkBytes;
  Sha256Stream whole;
  for (uint64_t i = 0; i < count; ++i) {
    const auto chunk =
        read_chunk(manifest.offset(static_cast<uint32_t>(i)), manifest.chunk_bytes(static_cast<uint32_t>(i)));
    whole.update(chunk);
    manifest.chunks.push_back(sha256(chunk));
  }
  manifest.sha256 = whole.finish();
  return manifest;
}

}  // namespace

Manifest make_manifest(ByteSpan data) {
  return describe(data.size(), [&](uint64_t offset, uint64_t count) { return data.subspan(offset, count); });
}

Manifest make_manifest(const std::string& path, FileSystem& files) {
  return describe(files.size(path), [&](uint64_t offset, uint64_t count) {
    Bytes chunk = files.read_range(path, offset, count);
    if (chunk.size() != count) fail(ErrorCode::kCorrupt, "{}: shrank while it was read", path);
    return chunk;
  });
}

wire::v1::Manifest to_wire(const Manifest& manifest) {
  wire::v1::Manifest message;
  message.set_sha256(std::string(as_chars(manifest.sha256)));
  message.set_size(manifest.size);
  message.set_chunk_size(manifest.chunk_size);
  for (const Sha256& chunk : manifest.chunks) message.add_chunk_sha256(std::string(as_chars(chunk)));
  return message;
}

Manifest from_wire(const wire::v1::Manifest& message, uint64_t max_bytes) {
  if (message.size() > max_bytes)
    fail(ErrorCode::kResourceExhausted, "artefact of {} bytes: more than the limit of {}", message.size(),
         max_bytes);
  const uint64_t chunk_size = message.chunk_size();
  if (chunk_size < kMinChunkBytes || chunk_size > kMaxChunkBytes)
    fail(ErrorCode::kInvalidArgument, "manifest: chunks of {} bytes: {} to {} are expected", chunk_size,
         kMinChunkBytes, kMaxChunkBytes);
  const uint64_t count = message.size() / chunk_size + (message.size() % chunk_size != 0);
  if (static_cast<uint64_t>(message.chunk_sha256_size()) != count)
    fail(ErrorCode::kInvalidArgument,
         "manifest: {} chunk hashes for {} bytes in chunks of {}: {} are expected",
         message.chunk_sha256_size(), message.size(), chunk_size, count);
  Manifest manifest;
  manifest.sha256 = sha256_from_wire(message.sha256());
  manifest.size = message.size();
  manifest.chunk_size = message.chunk_size();
  for (const std::string& chunk : message.chunk_sha256()) manifest.chunks.push_back(sha256_from_wire(chunk));
  return manifest;
}

Sha256 sha256_from_wire(const std::string& bytes) {
  Sha256 out;
  if (bytes.size() != out.size())
    fail(ErrorCode::kInvalidArgument, "hash of {} bytes: {} are expected", bytes.size(), out.size());
  std::copy_n(as_bytes(bytes).begin(), out.size(), out.begin());
  return out;
}

void check_chunk(const Manifest& manifest, uint32_t index, ByteSpan data) {
  if (index >= manifest.chunks.size())
    fail(ErrorCode::kInvalidArgument, "chunk {}: the artefact has {}", index, manifest.chunks.size());
  if (data.size() != manifest.chunk_bytes(index) || sha256(data) != manifest.chunks[index])
    fail(ErrorCode::kCorrupt, "chunk {} of artefact {}: its {} bytes do not have the promised hash", index,
         to_hex(manifest.sha256).substr(0, 12), data.size());
}

std::vector<uint32_t> missing_chunks(const Manifest& manifest, const std::string& path, FileSystem& files) {
  std::vector<uint32_t> missing;
  const uint64_t present = files.exists(path) ? files.size(path) : 0;
  for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
    const bool there =
        manifest.offset(i) + manifest.chunk_bytes(i) <= present &&
        sha256(files.read_range(path, manifest.offset(i), manifest.chunk_bytes(i))) == manifest.chunks[i];
    if (!there) missing.push_back(i);
  }
  return missing;
}

Sha256 sha256_of_file(const std::string& path, FileSystem& files) {
  Sha256Stream stream;
  const uint64_t size = files.size(path);
  for (uint64_t offset = 0; offset < size; offset += kChunkBytes)
    stream.update(files.read_range(path, offset, kChunkBytes));
  return stream.finish();
}

}  // namespace dunlin::fleet
