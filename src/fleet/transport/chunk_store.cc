// Artefacts at rest on the coordinator: files to offer, uploads in a folder.
#include "base/error.h"
#include "fleet/transport/chunks.h"

namespace dunlin::fleet {

Sha256 FileSource::add(const std::string& path) {
  auto entry = std::make_shared<Entry>(Entry{path, make_manifest(path, files_)});
  const Sha256 name = entry->manifest.sha256;
  const std::lock_guard lock(mutex_);
  entries_[to_hex(name)] = std::move(entry);
  return name;
}

std::shared_ptr<const FileSource::Entry> FileSource::find(const Sha256& name) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(to_hex(name));
  if (it == entries_.end()) fail(ErrorCode::kNotFound, "artefact {}: not here, or no longer", to_hex(name));
  return it->second;
}

Manifest FileSource::manifest(const Sha256& name) { return find(name)->manifest; }

Bytes FileSource::read(const Sha256& name, uint32_t index) {
  const auto entry = find(name);
  const Manifest& m = entry->manifest;
  if (index >= m.chunks.size())
    fail(ErrorCode::kInvalidArgument, "artefact {}: chunk {} of {}", to_hex(name), index, m.chunks.size());
  return files_.read_range(entry->path, m.offset(index), m.chunk_bytes(index));
}

FolderSink::FolderSink(std::string dir, uint64_t max_bytes, FileSystem& files)
    : dir_(std::move(dir)), max_bytes_(max_bytes), files_(files) {
  files_.make_directories(dir_, 0700);
}

// A hash, since a task's name comes from the peer and must not name a path.
std::string FolderSink::stem(const UploadKey& key) const {
  const std::string text = fmt::format("{}:{}{}:{}{}", key.device_id.size(), key.device_id, key.task.size(),
                                       key.task, key.attempt);
  return join_path(dir_, to_hex(sha256(as_bytes(text))).substr(0, 40));
}

std::shared_ptr<FolderSink::Upload> FolderSink::find(const UploadKey& key) {
  const std::string where = stem(key);
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = uploads_.find(where); it != uploads_.end()) return it->second;
  }
  // After a restart: the manifest is on disk, and the data tells itself what of it is there.
  if (!files_.exists(where + ".manifest")) return nullptr;
  wire::v1::Manifest message;
  const Bytes saved = files_.read(where + ".manifest");
  if (!message.ParseFromArray(saved.data(), static_cast<int>(saved.size())))
    fail(ErrorCode::kCorrupt, "{}.manifest: not a manifest", where);
  auto upload = std::make_shared<Upload>();
  upload->manifest = from_wire(message, max_bytes_);
  upload->present.assign(upload->manifest.chunks.size(), true);
  for (const uint32_t i : missing_chunks(upload->manifest, where + ".data", files_))
    upload->present[i] = false;
  const std::lock_guard lock(mutex_);
  return uploads_.try_emplace(where, std::move(upload)).first->second;
}

std::vector<uint32_t> FolderSink::missing_of(const Upload& upload) const {
  std::vector<uint32_t> missing;
  for (uint32_t i = 0; i < upload.present.size(); ++i)
    if (!upload.present[i]) missing.push_back(i);
  return missing;
}

std::vector<uint32_t> FolderSink::begin(const UploadKey& key, const Manifest& manifest) {
  if (manifest.size > max_bytes_)
    fail(ErrorCode::kResourceExhausted, "upload of {} bytes: more than the limit of {}", manifest.size,
         max_bytes_);
  const auto known = find(key);
  if (!known || known->manifest != manifest) {
    const std::string where = stem(key);
    const std::string saved = to_wire(manifest).SerializeAsString();
    files_.remove(where + ".data");
    files_.write_atomic(where + ".manifest", as_bytes(saved));
    if (manifest.size == 0) files_.write_atomic(where + ".data", {});
    auto fresh = std::make_shared<Upload>();
    fresh->manifest = manifest;
    fresh->present.assign(manifest.chunks.size(), false);
    const std::lock_guard lock(mutex_);
    uploads_[where] = std::move(fresh);
  }
  return missing(key);
}

void FolderSink::put(const UploadKey& key, uint32_t index, ByteSpan data) {
  const auto upload = find(key);
  if (!upload)
    fail(ErrorCode::kFailedPrecondition, "task {} attempt {}: this upload was never begun", key.task,
         key.attempt);
  check_chunk(upload->manifest, index, data);
  {
    const std::lock_guard lock(mutex_);
    if (upload->present[index]) return;
  }
  files_.write_at(stem(key) + ".data", upload->manifest.offset(index), data);
  const std::lock_guard lock(mutex_);
  upload->present[index] = true;
}

std::vector<uint32_t> FolderSink::missing(const UploadKey& key) {
  const auto upload = find(key);
  if (!upload)
    fail(ErrorCode::kFailedPrecondition, "task {} attempt {}: this upload was never begun", key.task,
         key.attempt);
  {
    const std::lock_guard lock(mutex_);
    std::vector<uint32_t> missing = missing_of(*upload);
    if (!missing.empty() || upload->whole) return missing;
  }
  // Each chunk has its hash, but only the whole proves that the manifest belongs to the name.
  if (sha256_of_file(stem(key) + ".data", files_) != upload->manifest.sha256) {
    remove(key);
    fail(ErrorCode::kCorrupt, "task {} attempt {}: the chunks do not make up artefact {}", key.task,
         key.attempt, to_hex(upload->manifest.sha256));
  }
  files_.sync(stem(key) + ".data");
  const std::lock_guard lock(mutex_);
  upload->whole = true;
  return {};
}

std::string FolderSink::path_of(const UploadKey& key) {
  if (!find(key) || !missing(key).empty())
    fail(ErrorCode::kNotFound, "task {} attempt {}: no whole upload", key.task, key.attempt);
  return stem(key) + ".data";
}

Sha256 FolderSink::name_of(const UploadKey& key) {
  path_of(key);
  return find(key)->manifest.sha256;
}

void FolderSink::remove(const UploadKey& key) {
  const std::string where = stem(key);
  {
    const std::lock_guard lock(mutex_);
    uploads_.erase(where);
  }
  files_.remove(where + ".manifest");  // first: data without manifest is nothing
  files_.remove(where + ".data");
}

}  // namespace dunlin::fleet
