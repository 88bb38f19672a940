#include "fleet/coordinator/service.h"

#include "base/error.h"
#include "fleet/transport/status.h"

namespace dunlin::fleet {

namespace {
UploadKey key_of(const TaskRow& task) { return {task.device, task.id, task.attempt}; }
}  // namespace

ReceivedUpdate UploadInbox::read(const TaskRow& task, uint64_t max_bytes) {
  FolderSink::Received upload = uploads_.read(key_of(task), max_bytes);
  return {std::move(upload.bytes), upload.sha256};
}
bool UploadInbox::seal(const TaskRow& task, const Sha256& sha256) {
  return uploads_.seal(key_of(task), sha256);
}
void UploadInbox::discard(const TaskRow& task) { uploads_.remove(key_of(task)); }
void UploadInbox::keep_only(const std::vector<TaskRow>& tasks) {
  std::vector<UploadKey> keys;
  for (const TaskRow& task : tasks) keys.push_back(key_of(task));
  uploads_.keep_only(keys);
}

Manifest CoordinatorChunks::manifest(const Sha256& name) {
  const Coordinator::Download file =
      coordinator_.download(to_hex(name));  // throws when it is not for devices
  const std::lock_guard lock(adding_);
  try {
    return artefacts_.manifest(name);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kNotFound) throw;
  }
  if (artefacts_.add(file.path) != name)
    fail(ErrorCode::kCorrupt, "artefact {}: its bytes are not those of its name", to_hex(name));
  return artefacts_.manifest(name);
}

Bytes CoordinatorChunks::read(const Sha256& name, uint32_t index) {
  Bytes chunk = artefacts_.read(name, index);
  coordinator_.count_traffic(0, chunk.size());
  return chunk;
}

std::vector<uint32_t> CoordinatorChunks::begin(const UploadKey& key, const Manifest& manifest) {
  if (const auto reason = coordinator_.may_upload(key.device_id, key.task, key.attempt, manifest.size);
      reason != wire::v1::UPDATE_ACCEPTED)
    fail(ErrorCode::kFailedPrecondition, "task {}: {}", key.task, wire::v1::Reason_Name(reason));
  return uploads_.begin(key, manifest);
}

void CoordinatorChunks::put(const UploadKey& key, uint32_t index, ByteSpan data) {
  uploads_.put(key, index, data);
  coordinator_.count_traffic(data.size(), 0);
}

std::vector<uint32_t> CoordinatorChunks::missing(const UploadKey& key) { return uploads_.missing(key); }

grpc::Status FleetService::CheckIn(grpc::ServerContext* context, const wire::v1::CheckInRequest* request,
                                   wire::v1::CheckInReply* reply) {
  return answer([&] {
    *reply =
        coordinator_.check_in(device_of_(*context), *request, [context] { return context->IsCancelled(); });
  });
}

grpc::Status FleetService::Commit(grpc::ServerContext* context, const wire::v1::CommitRequest* request,
                                  wire::v1::CommitReply* reply) {
  return answer([&] { *reply = coordinator_.commit(device_of_(*context), *request); });
}

grpc::Status FleetService::Report(grpc::ServerContext* context, const wire::v1::ReportRequest* request,
                                  wire::v1::ReportReply* reply) {
  return answer([&] { *reply = coordinator_.report(device_of_(*context), *request); });
}

}  // namespace dunlin::fleet
