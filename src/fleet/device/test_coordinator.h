// For tests: a coordinator that answers what a test tells it to, over real TLS, and keeps what devices say.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>

#include "fleet/identity/test_fleet.h"
#include "fleet/transport/chunks.h"
#include "fleet/wire/chunks.grpc.pb.h"
#include "fleet/wire/fleet.grpc.pb.h"

namespace dunlin::fleet {

class TestCoordinator {
 public:
  TestCoordinator() : source_(system_files()), fleet_(*this), chunks_(*this) {
    servers = std::make_unique<TestFleet>(std::vector<grpc::Service*>{&fleet_, &chunks_});
  }

  // Each is called with the number of the call, from 1. The defaults: come back, accepted, accepted.
  std::function<wire::v1::CheckInReply(int)> on_check_in = [](int) { return wire::v1::CheckInReply(); };
  std::function<wire::v1::CommitReply(int)> on_commit = [](int) {
    wire::v1::CommitReply reply;
    reply.set_reason(wire::v1::UPDATE_ACCEPTED);
    return reply;
  };
  std::function<wire::v1::ReportReply(int)> on_report = [](int) {
    wire::v1::ReportReply reply;
    reply.set_reason(wire::v1::REPORT_ACCEPTED);
    return reply;
  };

  /// Offers an artefact for download; its name as messages carry it.
  std::string offer(ByteSpan bytes) {
    const std::string path = servers->folder.file("artefact" + std::to_string(++artefacts_));
    system_files().write_atomic(path, bytes);
    const Sha256 name = source_.add(path);
    return std::string(as_chars(name));
  }
  wire::v1::CheckInReply newest(uint64_t version, const std::string& name) const {
    wire::v1::CheckInReply reply;
    reply.set_version(version);
    reply.set_model_sha256(name);
    return reply;
  }

  std::vector<wire::v1::CheckInRequest> check_ins() { return copy(check_ins_); }
  std::vector<wire::v1::CommitRequest> commits() { return copy(commits_); }
  std::vector<wire::v1::ReportRequest> reports() { return copy(reports_); }

 private:
  struct Fleet final : wire::v1::Fleet::Service {
    explicit Fleet(TestCoordinator& c) : owner(c) {}
    grpc::Status CheckIn(grpc::ServerContext*, const wire::v1::CheckInRequest* request,
                         wire::v1::CheckInReply* reply) override {
      *reply = owner.on_check_in(owner.keep(owner.check_ins_, *request));
      return grpc::Status::OK;
    }
    grpc::Status Commit(grpc::ServerContext*, const wire::v1::CommitRequest* request,
                        wire::v1::CommitReply* reply) override {
      *reply = owner.on_commit(owner.keep(owner.commits_, *request));
      return grpc::Status::OK;
    }
    grpc::Status Report(grpc::ServerContext*, const wire::v1::ReportRequest* request,
                        wire::v1::ReportReply* reply) override {
      *reply = owner.on_report(owner.keep(owner.reports_, *request));
      return grpc::Status::OK;
    }
    TestCoordinator& owner;
  };

  struct Chunks final : wire::v1::Chunks::Service {
    explicit Chunks(TestCoordinator& c) : owner(c) {}
    grpc::Status GetManifest(grpc::ServerContext*, const wire::v1::GetManifestRequest* request,
                             wire::v1::Manifest* reply) override {
      *reply = to_wire(owner.source_.manifest(sha256_from_wire(request->sha256())));
      return grpc::Status::OK;
    }
    grpc::Status Download(grpc::ServerContext*, const wire::v1::DownloadRequest* request,
                          grpc::ServerWriter<wire::v1::Chunk>* writer) override {
      const Sha256 name = sha256_from_wire(request->sha256());
      const auto count = static_cast<uint32_t>(owner.source_.manifest(name).chunks.size());
      for (uint32_t i = request->first_chunk(); i < count; ++i) {
        wire::v1::Chunk chunk;
        chunk.set_index(i);
        *chunk.mutable_data() = as_chars(owner.source_.read(name, i));
        writer->Write(chunk);
      }
      return grpc::Status::OK;
    }
    grpc::Status BeginUpload(grpc::ServerContext*, const wire::v1::BeginUploadRequest* request,
                             wire::v1::BeginUploadReply* reply) override {
      for (int i = 0; i < request->manifest().chunk_sha256_size(); ++i)
        reply->add_missing_chunks(static_cast<uint32_t>(i));
      return grpc::Status::OK;
    }
    grpc::Status Upload(grpc::ServerContext*, grpc::ServerReader<wire::v1::UploadRequest>* reader,
                        wire::v1::UploadReply*) override {
      for (wire::v1::UploadRequest request; reader->Read(&request);) {
      }
      return grpc::Status::OK;
    }
    TestCoordinator& owner;
  };

  template <typename Message>
  int keep(std::vector<Message>& list, const Message& message) {
    const std::lock_guard lock(mutex_);
    list.push_back(message);
    return static_cast<int>(list.size());
  }
  template <typename Message>
  std::vector<Message> copy(const std::vector<Message>& list) {
    const std::lock_guard lock(mutex_);
    return list;
  }

  std::mutex mutex_;  // of the lists
  std::vector<wire::v1::CheckInRequest> check_ins_;
  std::vector<wire::v1::CommitRequest> commits_;
  std::vector<wire::v1::ReportRequest> reports_;
  int artefacts_ = 0;
  FileSource source_;
  Fleet fleet_;
  Chunks chunks_;

 public:
  std::unique_ptr<TestFleet> servers;  // goes first
};

}  // namespace dunlin::fleet
