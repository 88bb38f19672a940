// Moving artefacts: content-addressed, resumable, both ways. See wire/chunks.proto.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "base/file_system.h"
#include "fleet/transport/manifest.h"
#include "fleet/transport/workers.h"
#include "fleet/wire/chunks.grpc.pb.h"

namespace dunlin::fleet {

/// What a coordinator offers for download. Called from several threads at once.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// kNotFound when there is no artefact of that name.
  virtual Manifest manifest(const Sha256& name) = 0;
  virtual Bytes read(const Sha256& name, uint32_t index) = 0;
};

/// Files by hash. They must not change while they are offered.
class FileSource final : public ChunkSource {
 public:
  explicit FileSource(FileSystem& files) : files_(files) {}
  /// Offers a file and returns its name.
  Sha256 add(const std::string& path);
  Manifest manifest(const Sha256& name) override;
  Bytes read(const Sha256& name, uint32_t index) override;

 private:
  struct Entry {
    std::string path;
    Manifest manifest;
  };
  std::shared_ptr<const Entry> find(const Sha256& name);
  FileSystem& files_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Entry>> entries_;  // by hexadecimal hash
};

/// What an upload belongs to; the device is the one of the peer's certificate.
struct UploadKey {
  std::string device_id;
  std::string task;
  uint32_t attempt = 0;
};

/// Where a coordinator puts uploads. Called from several threads at once. Whatever is thrown reaches the
/// device.
class ChunkSink {
 public:
  virtual ~ChunkSink() = default;
  /// Declares an upload, or asks about one already begun: the chunks still missing. Throws to refuse it (no
  /// such task, the round is over).
  virtual std::vector<uint32_t> begin(const UploadKey& key, const Manifest& manifest) = 0;
  /// Checks a chunk and keeps it; a chunk already there changes nothing. kCorrupt when the hash
  /// differs, kFailedPrecondition when the upload was never begun.
  virtual void put(const UploadKey& key, uint32_t index, ByteSpan data) = 0;
  /// The chunks still missing; none: the artefact is whole, durable, and has the promised hash.
  virtual std::vector<uint32_t> missing(const UploadKey& key) = 0;
};

/// Uploads as files in a folder, which outlive the process: what was durable before a crash is not sent
/// again. Thread safe; what concerns one upload happens one after another.
class FolderSink final : public ChunkSink {
 public:
  FolderSink(std::string dir, uint64_t max_bytes, FileSystem& files);

  /// An upload that was begun with another manifest is replaced, unless it is sealed (kFailedPrecondition).
  std::vector<uint32_t> begin(const UploadKey& key, const Manifest& manifest) override;
  void put(const UploadKey& key, uint32_t index, ByteSpan data) override;
  std::vector<uint32_t> missing(const UploadKey& key) override;

  struct Received {
    Bytes bytes;
    Sha256 sha256;  // which the bytes were found to have when they came in
  };
  /// An upload that is whole. kNotFound otherwise; kResourceExhausted when it is larger than `max_bytes`.
  Received read(const UploadKey& key, uint64_t max_bytes = UINT64_MAX);
  /// Whether a whole upload of this hash is here; if so it stays, as it is, until remove(). A new process has
  /// no seals: whoever sealed something refuses to have it begun again (CoordinatorChunks::begin).
  bool seal(const UploadKey& key, const Sha256& name);
  /// Forgets an upload and its file.
  void remove(const UploadKey& key);
  /// Forgets all others, and whatever else lies in the folder. For the start, while nobody sends.
  void keep_only(const std::vector<UploadKey>& keys);

 private:
  struct Upload {
    std::mutex mutex;   // what follows, and the files
    bool gone = false;  // no longer the one of its key
    bool begun = false;
    Manifest manifest;
    std::vector<bool> present;
    bool whole = false, sealed = false;
  };
  struct Held {
    std::string where;
    std::shared_ptr<Upload> upload;
    std::unique_lock<std::mutex> lock;
  };
  std::string stem(const UploadKey& key) const;
  Held hold(const UploadKey& key);
  Held begun(const UploadKey& key);  // throws kFailedPrecondition otherwise
  void load(const std::string& where, Upload& upload);
  void drop(Held& held);
  std::vector<uint32_t> missing(const UploadKey& key, Held& held);

  std::string dir_;
  uint64_t max_bytes_;
  FileSystem& files_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Upload>> uploads_;  // by stem
};

/// The service behind both. Source and sink must outlive it.
class ChunkService final : public wire::v1::Chunks::CallbackService {
 public:
  /// `device_of` names the peer (see peer_device_id) or throws.
  using DeviceOf = std::function<std::string(const grpc::ServerContextBase&)>;
  ChunkService(ChunkSource& source, ChunkSink& sink, DeviceOf device_of, uint64_t max_artefact_bytes)
      : source_(source), sink_(sink), device_of_(std::move(device_of)), max_bytes_(max_artefact_bytes) {}

  grpc::ServerUnaryReactor* GetManifest(grpc::CallbackServerContext* context,
                                        const wire::v1::GetManifestRequest* request,
                                        wire::v1::Manifest* reply) override;
  grpc::ServerWriteReactor<wire::v1::Chunk>* Download(grpc::CallbackServerContext* context,
                                                      const wire::v1::DownloadRequest* request) override;
  grpc::ServerUnaryReactor* BeginUpload(grpc::CallbackServerContext* context,
                                        const wire::v1::BeginUploadRequest* request,
                                        wire::v1::BeginUploadReply* reply) override;
  grpc::ServerReadReactor<wire::v1::UploadRequest>* Upload(grpc::CallbackServerContext* context,
                                                           wire::v1::UploadReply* reply) override;

 private:
  ChunkSource& source_;
  ChunkSink& sink_;
  DeviceOf device_of_;
  uint64_t max_bytes_;
  Workers workers_{4};
};

struct TransferCount {
  Sha256 name{};  // of the artefact
  uint64_t size = 0;
  uint64_t bytes_moved = 0;   // of chunks, good or bad
  uint64_t bytes_reused = 0;  // already there from an earlier try
};

/// A device's side. Every call may be repeated after kUnavailable and goes on where it was.
class ChunkClient {
 public:
  ChunkClient(std::shared_ptr<grpc::Channel> channel, uint64_t max_artefact_bytes, FileSystem& files);

  /// The artefact as a file; until it is whole and its hash is right it lies at PATH.part.
  TransferCount download(const Sha256& name, const std::string& path, std::stop_token stop = {});
  /// Sends a file. The server's word that the artefact is whole and durable ends the call.
  TransferCount upload(const std::string& task, uint32_t attempt, const std::string& path,
                       std::stop_token stop = {});

 private:
  void upload_missing(const std::string& task, uint32_t attempt, const std::string& path,
                      const Manifest& manifest, std::stop_token stop, TransferCount& count);

  std::unique_ptr<wire::v1::Chunks::Stub> stub_;
  uint64_t max_bytes_;
  FileSystem& files_;
};

}  // namespace dunlin::fleet
