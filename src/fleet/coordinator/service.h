// The coordinator on the network: rounds (wire/fleet.proto) and the chunks that go with them
// (wire/chunks.proto).
//
//   FolderSink uploads(DIR/uploads, limit, files);  UploadInbox inbox(uploads);
//   Coordinator coordinator(DIR, settings, {clock, files, random, codec, inbox, &evaluator}, model);
//   CoordinatorChunks chunks(coordinator, uploads, files);
//   ChunkService chunk_service(chunks, chunks, device_of, limit);
//   FleetService fleet_service(coordinator, device_of);
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "fleet/coordinator/coordinator.h"
#include "fleet/coordinator/inbox.h"
#include "fleet/transport/chunks.h"
#include "fleet/wire/fleet.grpc.pb.h"

namespace dunlin::fleet {

/// Uploads that came in chunks, as the coordinator reads them.
class UploadInbox final : public UpdateInbox {
 public:
  explicit UploadInbox(FolderSink& uploads) : uploads_(uploads) {}
  ReceivedUpdate read(const TaskRow& task, uint64_t max_bytes) override;
  bool seal(const TaskRow& task, const Sha256& sha256) override;
  void discard(const TaskRow& task) override;
  void keep_only(const std::vector<TaskRow>& tasks) override;

 private:
  FolderSink& uploads_;
};

/// What devices may fetch, and what they may send: an artefact of a published version, an update of an open
/// task of their own. A refused upload is kFailedPrecondition with the reason's name; Commit then says more.
class CoordinatorChunks final : public ChunkSource, public ChunkSink {
 public:
  CoordinatorChunks(Coordinator& coordinator, FolderSink& uploads, FileSystem& files)
      : coordinator_(coordinator), uploads_(uploads), artefacts_(files) {}

  Manifest manifest(const Sha256& name) override;
  Bytes read(const Sha256& name, uint32_t index) override;
  std::vector<uint32_t> begin(const UploadKey& key, const Manifest& manifest) override;
  void put(const UploadKey& key, uint32_t index, ByteSpan data) override;
  std::vector<uint32_t> missing(const UploadKey& key) override;

 private:
  Coordinator& coordinator_;
  FolderSink& uploads_;
  FileSource artefacts_;
  std::mutex adding_;  // all devices of a round ask for the same model at once: it is read and hashed once
};

/// Forwards to the coordinator. `device_of` names the peer or throws.
class FleetService final : public wire::v1::Fleet::Service {
 public:
  using DeviceOf = std::function<std::string(const grpc::ServerContextBase&)>;
  FleetService(Coordinator& coordinator, DeviceOf device_of)
      : coordinator_(coordinator), device_of_(std::move(device_of)) {}

  grpc::Status CheckIn(grpc::ServerContext* context, const wire::v1::CheckInRequest* request,
                       wire::v1::CheckInReply* reply) override;
  grpc::Status Commit(grpc::ServerContext* context, const wire::v1::CommitRequest* request,
                      wire::v1::CommitReply* reply) override;
  grpc::Status Report(grpc::ServerContext* context, const wire::v1::ReportRequest* request,
                      wire::v1::ReportReply* reply) override;

 private:
  Coordinator& coordinator_;
  DeviceOf device_of_;
};

}  // namespace dunlin::fleet
