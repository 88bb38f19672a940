// The coordinator's side of a transfer. Reactors, not threads: a slow device holds memory for one chunk, no
// thread. What hashes whole files or waits for the disk goes to the workers.
#include "fleet/transport/chunks.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {

constexpr size_t kMaxTaskBytes = 256;

UploadKey key_from_wire(const wire::v1::UploadId& id, std::string device_id) {
  if (id.task().empty() || id.task().size() > kMaxTaskBytes)
    fail(ErrorCode::kInvalidArgument, "upload: a task's name of 1 to {} bytes is expected, got {}",
         kMaxTaskBytes, id.task().size());
  return {std::move(device_id), id.task(), id.attempt()};
}

class DownloadReactor final : public grpc::ServerWriteReactor<wire::v1::Chunk> {
 public:
  static grpc::ServerWriteReactor<wire::v1::Chunk>* start(ChunkSource& source,
                                                          const std::function<Sha256()>& authorise,
                                                          uint32_t first_chunk) {
    auto reactor = std::make_unique<DownloadReactor>(source, first_chunk);
    const grpc::Status status = answer([&] {
      reactor->name_ = authorise();
      reactor->count_ = static_cast<uint32_t>(source.manifest(reactor->name_).chunks.size());
      if (first_chunk > reactor->count_)
        fail(ErrorCode::kInvalidArgument, "download from chunk {}: the artefact has {}", first_chunk,
             reactor->count_);
    });
    if (status.ok())
      reactor->next();
    else
      reactor->Finish(status);
    return reactor.release();  // OnDone takes it back
  }

  DownloadReactor(ChunkSource& source, uint32_t first_chunk) : source_(source), index_(first_chunk) {}

  void OnWriteDone(bool ok) override {
    if (ok)
      next();
    else
      Finish({grpc::StatusCode::CANCELLED, "the device is gone"});
  }
  void OnDone() override { std::unique_ptr<DownloadReactor>(this).reset(); }

 private:
  void next() {
    if (index_ == count_) return Finish(grpc::Status::OK);
    const grpc::Status status = answer([&] {
      chunk_.set_index(index_);
      *chunk_.mutable_data() = as_chars(source_.read(name_, index_));
      ++index_;
    });
    if (status.ok())
      StartWrite(&chunk_);
    else
      Finish(status);
  }

  ChunkSource& source_;
  Sha256 name_{};
  uint32_t index_ = 0, count_ = 0;
  wire::v1::Chunk chunk_;
};

class UploadReactor final : public grpc::ServerReadReactor<wire::v1::UploadRequest> {
 public:
  static grpc::ServerReadReactor<wire::v1::UploadRequest>* start(ChunkSink& sink, Workers& workers,
                                                                 const std::function<std::string()>& device,
                                                                 wire::v1::UploadReply* reply) {
    auto reactor = std::make_unique<UploadReactor>(sink, workers, reply);
    const grpc::Status status = answer([&] { reactor->key_.device_id = device(); });
    if (status.ok())
      reactor->StartRead(&reactor->request_);
    else
      reactor->Finish(status);
    return reactor.release();  // OnDone takes it back
  }

  UploadReactor(ChunkSink& sink, Workers& workers, wire::v1::UploadReply* reply)
      : sink_(sink), workers_(workers), reply_(reply) {}

  void OnReadDone(bool ok) override {
    if (!ok) return workers_.post([this] { Finish(answer([this] { end(); })); });
    const grpc::Status status = answer([&] { take(); });
    if (status.ok())
      StartRead(&request_);
    else
      Finish(status);
  }
  void OnDone() override { std::unique_ptr<UploadReactor>(this).reset(); }

 private:
  void take() {
    if (key_.task.empty()) {
      check_wire_version(request_.protocol());
      key_ = key_from_wire(request_.id(), key_.device_id);
    }
    if (request_.has_chunk()) sink_.put(key_, request_.chunk().index(), as_bytes(request_.chunk().data()));
  }

  void end() {
    if (key_.task.empty()) fail(ErrorCode::kInvalidArgument, "upload: nothing was sent");
    for (const uint32_t i : sink_.missing(key_)) reply_->add_missing_chunks(i);
  }

  ChunkSink& sink_;
  Workers& workers_;
  wire::v1::UploadReply* reply_;
  UploadKey key_;
  wire::v1::UploadRequest request_;
};

}  // namespace

grpc::ServerUnaryReactor* ChunkService::GetManifest(grpc::CallbackServerContext* context,
                                                    const wire::v1::GetManifestRequest* request,
                                                    wire::v1::Manifest* reply) {
  auto* reactor = context->DefaultReactor();
  workers_.post([=, this] {
    reactor->Finish(answer([&] {
      check_wire_version(request->protocol());
      device_of_(*context);
      *reply = to_wire(source_.manifest(sha256_from_wire(request->sha256())));
    }));
  });
  return reactor;
}

grpc::ServerWriteReactor<wire::v1::Chunk>* ChunkService::Download(grpc::CallbackServerContext* context,
                                                                  const wire::v1::DownloadRequest* request) {
  return DownloadReactor::start(
      source_,
      [&] {
        check_wire_version(request->protocol());
        device_of_(*context);
        return sha256_from_wire(request->sha256());
      },
      request->first_chunk());
}

grpc::ServerUnaryReactor* ChunkService::BeginUpload(grpc::CallbackServerContext* context,
                                                    const wire::v1::BeginUploadRequest* request,
                                                    wire::v1::BeginUploadReply* reply) {
  auto* reactor = context->DefaultReactor();
  workers_.post([=, this] {
    reactor->Finish(answer([&] {
      check_wire_version(request->protocol());
      const UploadKey key = key_from_wire(request->id(), device_of_(*context));
      for (const uint32_t i : sink_.begin(key, from_wire(request->manifest(), max_bytes_)))
        reply->add_missing_chunks(i);
    }));
  });
  return reactor;
}

grpc::ServerReadReactor<wire::v1::UploadRequest>* ChunkService::Upload(grpc::CallbackServerContext* context,
                                                                       wire::v1::UploadReply* reply) {
  return UploadReactor::start(
      sink_, workers_, [&] { return device_of_(*context); }, reply);
}

}  // namespace dunlin::fleet
