// Artefacts at rest on the coordinator: files to offer, uploads in a folder.
#include <set>

#include "base/error.h"
#include "fleet/store/fault_point.h"
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

FolderSink::Held FolderSink::hold(const UploadKey& key) {
  const std::string where = stem(key);
  for (;;) {
    std::shared_ptr<Upload> upload;
    {
      const std::lock_guard lock(mutex_);
      auto& known = uploads_[where];
      if (!known) known = std::make_shared<Upload>();
      upload = known;
    }
    std::unique_lock lock(upload->mutex);
    if (upload->gone) continue;  // while we waited for it
    if (!upload->begun) load(where, *upload);
    return {where, std::move(upload), std::move(lock)};
  }
}

// After a restart: the manifest is on disk, and the data tells itself what of it is there.
void FolderSink::load(const std::string& where, Upload& upload) {
  if (!files_.exists(where + ".manifest")) return;
  wire::v1::Manifest message;
  const Bytes saved = files_.read(where + ".manifest");
  if (!message.ParseFromArray(saved.data(), static_cast<int>(saved.size())))
    fail(ErrorCode::kCorrupt, "{}.manifest: not a manifest", where);
  upload.manifest = from_wire(message, max_bytes_);
  upload.present.assign(upload.manifest.chunks.size(), true);
  for (const uint32_t i : missing_chunks(upload.manifest, where + ".data", files_)) upload.present[i] = false;
  upload.begun = true;
}

FolderSink::Held FolderSink::begun(const UploadKey& key) {
  Held held = hold(key);
  if (!held.upload->begun) {
    drop(held);
    fail(ErrorCode::kFailedPrecondition, "task {} attempt {}: this upload was never begun", key.task,
         key.attempt);
  }
  return held;
}

void FolderSink::drop(Held& held) {
  // First: data without manifest is nothing.
  if (files_.exists(held.where + ".manifest")) {
    DUNLIN_FAULT_POINT("upload_remove", "before");
    files_.remove(held.where + ".manifest");
    DUNLIN_FAULT_POINT("upload_remove", "between");
  }
  files_.remove(held.where + ".data");
  held.upload->gone = true;
  const std::lock_guard lock(mutex_);
  uploads_.erase(held.where);
}

std::vector<uint32_t> FolderSink::missing(const UploadKey& key, Held& held) {
  Upload& upload = *held.upload;
  std::vector<uint32_t> missing;
  for (uint32_t i = 0; i < upload.present.size(); ++i)
    if (!upload.present[i]) missing.push_back(i);
  if (!missing.empty() || upload.whole) return missing;
  // Each chunk has its hash, but only the whole proves that the manifest belongs to the name.
  const std::string data = held.where + ".data";
  if (sha256_of_file(data, files_) != upload.manifest.sha256) {
    const std::string name = to_hex(upload.manifest.sha256);
    drop(held);
    fail(ErrorCode::kCorrupt, "task {} attempt {}: the chunks do not make up artefact {}", key.task,
         key.attempt, name);
  }
  DUNLIN_FAULT_POINT("upload_sync", "before");
  files_.sync(data);
  DUNLIN_FAULT_POINT("upload_sync", "after");
  upload.whole = true;
  return {};
}

std::vector<uint32_t> FolderSink::begin(const UploadKey& key, const Manifest& manifest) {
  if (manifest.size > max_bytes_)
    fail(ErrorCode::kResourceExhausted, "upload of {} bytes: more than the limit of {}", manifest.size,
         max_bytes_);
  Held held = hold(key);
  Upload& upload = *held.upload;
  if (!upload.begun || upload.manifest != manifest) {
    if (upload.sealed)
      fail(ErrorCode::kFailedPrecondition,
           "task {} attempt {}: another upload was accepted; it is not replaced", key.task, key.attempt);
    const std::string saved = to_wire(manifest).SerializeAsString();
    upload.begun = upload.whole = false;
    DUNLIN_FAULT_POINT("upload_begin", "before");
    files_.remove(held.where + ".data");
    DUNLIN_FAULT_POINT("upload_begin", "between");
    files_.write_atomic(held.where + ".manifest", as_bytes(saved));
    DUNLIN_FAULT_POINT("upload_begin", "after");
    if (manifest.size == 0) files_.write_atomic(held.where + ".data", {});
    upload.manifest = manifest;
    upload.present.assign(manifest.chunks.size(), false);
    upload.begun = true;
  }
  return missing(key, held);
}

void FolderSink::put(const UploadKey& key, uint32_t index, ByteSpan data) {
  Held held = begun(key);
  Upload& upload = *held.upload;
  check_chunk(upload.manifest, index, data);
  if (upload.present[index]) return;
  DUNLIN_FAULT_POINT("upload_chunk", "before");
  files_.write_at(held.where + ".data", upload.manifest.offset(index), data);
  DUNLIN_FAULT_POINT("upload_chunk", "after");
  upload.present[index] = true;
}

std::vector<uint32_t> FolderSink::missing(const UploadKey& key) {
  Held held = begun(key);
  return missing(key, held);
}

FolderSink::Received FolderSink::read(const UploadKey& key, uint64_t max_bytes) {
  Held held = hold(key);
  if (!held.upload->begun || !missing(key, held).empty()) {
    if (!held.upload->begun) drop(held);
    fail(ErrorCode::kNotFound, "task {} attempt {}: no whole upload", key.task, key.attempt);
  }
  return {files_.read(held.where + ".data", max_bytes), held.upload->manifest.sha256};
}

bool FolderSink::seal(const UploadKey& key, const Sha256& name) {
  Held held = hold(key);
  if (!held.upload->begun) {
    drop(held);
    return false;
  }
  if (held.upload->manifest.sha256 != name || !missing(key, held).empty()) return false;
  held.upload->sealed = true;
  return true;
}

void FolderSink::remove(const UploadKey& key) {
  Held held = hold(key);
  drop(held);
}

void FolderSink::keep_only(const std::vector<UploadKey>& keys) {
  std::set<std::string> stems;
  for (const UploadKey& key : keys) stems.insert(stem(key));
  for (const std::string& name : files_.list(dir_)) {
    const std::string path = join_path(dir_, name);
    const size_t dot = path.rfind('.');
    const std::string extension = dot == std::string::npos ? "" : path.substr(dot);
    if ((extension != ".manifest" && extension != ".data") || !stems.contains(path.substr(0, dot)))
      files_.remove(path);
  }
}

}  // namespace dunlin::fleet
