// A device's side of a transfer.
#include "base/error.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/chunks.h"
#include "fleet/transport/status.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {

namespace {

constexpr int64_t kCallTimeoutMs = 60'000;
// A stream that takes longer is cut and goes on in the next: a stalled peer must not hold a device for ever.
constexpr int64_t kStreamTimeoutMs = 10 * 60'000;
constexpr int kMaxBadChunks = 3;

void check_stop(const std::stop_token& stop, const std::string& what) {
  if (stop.stop_requested())
    fail(ErrorCode::kCancelled, "{}: stopped; what is there will be used next time", what);
}

uint64_t bytes_of(const Manifest& manifest, const std::vector<uint32_t>& chunks) {
  uint64_t bytes = 0;
  for (const uint32_t i : chunks) bytes += manifest.chunk_bytes(i);
  return bytes;
}

}  // namespace

ChunkClient::ChunkClient(std::shared_ptr<grpc::Channel> channel, uint64_t max_artefact_bytes,
                         FileSystem& files)
    : stub_(wire::v1::Chunks::NewStub(std::move(channel))), max_bytes_(max_artefact_bytes), files_(files) {}

TransferCount ChunkClient::download(const Sha256& name, const std::string& path, std::stop_token stop) {
  const std::string what = "download of " + to_hex(name).substr(0, 12);
  const std::string part = path + ".part";
  Manifest manifest;
  {
    grpc::ClientContext context;
    set_timeout(context, kCallTimeoutMs);
    const StopGuard guard(stop, context);
    wire::v1::GetManifestRequest request;
    request.set_protocol(kWireVersion);
    request.set_sha256(std::string(as_chars(name)));
    wire::v1::Manifest reply;
    const grpc::Status status = stub_->GetManifest(&context, request, &reply);
    check_stop(stop, what);
    check_status(status, what);
    manifest = from_wire(reply, max_bytes_);
    if (manifest.sha256 != name)
      fail(ErrorCode::kCorrupt, "{}: the coordinator answered for another artefact", what);
  }
  TransferCount count{.name = name, .size = manifest.size};
  std::vector<uint32_t> missing = missing_chunks(manifest, part, files_);
  count.bytes_reused = manifest.size - bytes_of(manifest, missing);
  if (manifest.size == 0) files_.write_atomic(part, {});

  for (int bad = 0; !missing.empty();) {
    grpc::ClientContext context;
    set_timeout(context, kStreamTimeoutMs);
    const StopGuard guard(stop, context);
    wire::v1::DownloadRequest request;
    request.set_protocol(kWireVersion);
    request.set_sha256(std::string(as_chars(name)));
    request.set_first_chunk(missing.front());
    const auto reader = stub_->Download(&context, request);
    wire::v1::Chunk chunk;
    std::string complaint;
    size_t next = 0;  // in `missing`; chunks in between that are already here just pass by
    while (next < missing.size() && reader->Read(&chunk)) {
      count.bytes_moved += chunk.data().size();
      if (chunk.index() != missing[next]) continue;
      try {
        check_chunk(manifest, chunk.index(), as_bytes(chunk.data()));
      } catch (const Error& error) {
        complaint = error.what();
        break;
      }
      files_.write_at(part, manifest.offset(chunk.index()), as_bytes(chunk.data()));
      ++next;
    }
    const bool all = next == missing.size();
    missing.erase(missing.begin(), missing.begin() + static_cast<std::ptrdiff_t>(next));
    if (next > 0) bad = 0;
    if (!all && complaint.empty()) {
      const grpc::Status status = reader->Finish();
      check_stop(stop, what);
      check_status(status, what);
      complaint = "the coordinator left out chunks";
    } else {
      context.TryCancel();
      reader->Finish();
    }
    if (!complaint.empty() && ++bad >= kMaxBadChunks)
      fail(ErrorCode::kCorrupt, "{}: {}, {} times in a row", what, complaint, bad);
  }
  if (sha256_of_file(part, files_) != name) {
    files_.remove(part);
    fail(ErrorCode::kCorrupt, "{}: the chunks do not make up the artefact", what);
  }
  files_.sync(part);
  files_.rename(part, path);
  return count;
}

TransferCount ChunkClient::upload(const std::string& task, uint32_t attempt, const std::string& path,
                                  std::stop_token stop) {
  const Manifest manifest = make_manifest(path, files_);
  TransferCount count{.name = manifest.sha256, .size = manifest.size};
  for (int bad = 1;; ++bad) {
    try {
      upload_missing(task, attempt, path, manifest, stop, count);
      return count;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCorrupt || bad == kMaxBadChunks) throw;
    }
  }
}

void ChunkClient::upload_missing(const std::string& task, uint32_t attempt, const std::string& path,
                                 const Manifest& manifest, std::stop_token stop, TransferCount& count) {
  const std::string what = fmt::format("upload of task {} attempt {}", task, attempt);
  wire::v1::BeginUploadReply missing;
  {
    grpc::ClientContext context;
    set_timeout(context, kCallTimeoutMs);
    const StopGuard guard(stop, context);
    wire::v1::BeginUploadRequest request;
    request.set_protocol(kWireVersion);
    request.mutable_id()->set_task(task);
    request.mutable_id()->set_attempt(attempt);
    *request.mutable_manifest() = to_wire(manifest);
    const grpc::Status status = stub_->BeginUpload(&context, request, &missing);
    check_stop(stop, what);
    check_status(status, what);
  }
  const std::vector<uint32_t> chunks(missing.missing_chunks().begin(), missing.missing_chunks().end());
  for (const uint32_t i : chunks)
    if (i >= manifest.chunks.size())
      fail(ErrorCode::kCorrupt, "{}: the coordinator asks for chunk {} of {}", what, i,
           manifest.chunks.size());
  count.bytes_reused = manifest.size - bytes_of(manifest, chunks);

  grpc::ClientContext context;
  set_timeout(context, kStreamTimeoutMs);
  const StopGuard guard(stop, context);
  wire::v1::UploadReply reply;
  const auto writer = stub_->Upload(&context, &reply);
  wire::v1::UploadRequest message;
  message.set_protocol(kWireVersion);
  message.mutable_id()->set_task(task);
  message.mutable_id()->set_attempt(attempt);
  bool alive = writer->Write(message);
  for (size_t k = 0; alive && k < chunks.size(); ++k) {
    message.Clear();
    message.mutable_chunk()->set_index(chunks[k]);
    *message.mutable_chunk()->mutable_data() =
        as_chars(files_.read_range(path, manifest.offset(chunks[k]), manifest.chunk_bytes(chunks[k])));
    alive = writer->Write(message);
    if (alive) count.bytes_moved += message.chunk().data().size();
  }
  if (alive) writer->WritesDone();
  const grpc::Status status = writer->Finish();
  check_stop(stop, what);
  check_status(status, what);
  if (reply.missing_chunks_size() != 0)
    fail(ErrorCode::kUnavailable, "{}: {} chunks did not arrive", what, reply.missing_chunks_size());
}

}  // namespace dunlin::fleet
