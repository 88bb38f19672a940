#include "fleet/transport/chunks.h"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <thread>

#include "fleet/identity/test_fleet.h"
#include "fleet/transport/channel.h"
#include "fleet/transport/status.h"
#include "fleet/transport/test_proxy.h"
#include "fleet/wire/version.h"

namespace dunlin::fleet {
namespace {

constexpr uint64_t kLimit = 64 << 20;

Bytes noise(size_t size, uint64_t seed) {
  Philox random(seed);
  Bytes out(size);
  for (std::byte& b : out) b = std::byte(random.next_u32());
  return out;
}

// Hands out damaged chunks, so many times each.
class FaultySource final : public ChunkSource {
 public:
  explicit FaultySource(ChunkSource& good) : good_(good) {}
  Manifest manifest(const Sha256& name) override { return good_.manifest(name); }
  Bytes read(const Sha256& name, uint32_t index) override {
    Bytes data = good_.read(name, index);
    if (damage[index]-- > 0) data[data.size() / 2] ^= std::byte{1};
    return data;
  }
  std::map<uint32_t, int> damage;

 private:
  ChunkSource& good_;
};

struct Transfers {
  explicit Transfers(const std::string& host = "127.0.0.1", uint64_t limit = kLimit)
      : source(system_files()),
        faulty(source),
        sink(spool.file("uploads"), limit, system_files()),
        service(
            faulty, sink,
            [this](const grpc::ServerContextBase& c) {
              return peer_device_id(c, fleet->authority.fleet_id(), fleet->clock.now_ms());
            },
            limit) {
    fleet = std::make_unique<TestFleet>(std::vector<grpc::Service*>{&service}, ServerOptions{}, host);
  }
  ~Transfers() { fleet->fleet_server->shutdown(0); }

  ChunkClient client(const DeviceIdentity& device, const ProxySettings& proxy = {}) {
    return ChunkClient(
        open_channel(device.coordinator, device.tls.authority_pem, &device.tls, {.proxy = proxy}), kLimit,
        system_files());
  }
  std::string write(const std::string& name, const Bytes& data) {
    system_files().write_atomic(spool.file(name), data);
    return spool.file(name);
  }

  TemporaryFolder spool;
  FileSource source;
  FaultySource faulty;
  FolderSink sink;
  ChunkService service;
  std::unique_ptr<TestFleet> fleet;
};

TEST(Chunks, ArtefactsOfAllSizesArriveUnchanged) {
  Transfers t;
  const DeviceIdentity device = t.fleet->enrolled("state");
  ChunkClient client = t.client(device);
  uint32_t attempt = 0;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{kChunkBytes - 1}, size_t{kChunkBytes},
                            size_t{kChunkBytes + 1}, size_t{3 * kChunkBytes + 17}}) {
    const Bytes data = noise(size, size);
    const Sha256 name = t.source.add(t.write("model", data));
    EXPECT_EQ(name, sha256(data));
    client.download(name, t.spool.file("got"));
    EXPECT_EQ(system_files().read(t.spool.file("got")), data) << size;
    EXPECT_FALSE(system_files().exists(t.spool.file("got.part")));

    const TransferCount count = client.upload("task", ++attempt, t.write("update", data));
    EXPECT_EQ(count.bytes_moved, size);
    const UploadKey key{device.device_id, "task", attempt};
    EXPECT_EQ(t.sink.read(key).bytes, data) << size;
    t.sink.remove(key);
    EXPECT_EQ(code_of([&] { t.sink.read(key); }), ErrorCode::kNotFound);
  }
  EXPECT_TRUE(system_files().list(t.spool.file("uploads")).empty());
}

TEST(Chunks, DownloadGoesOnWhereTheLinkBroke) {
  Transfers t("fleet.invalid");
  TestProxy proxy;
  const ProxySettings through{proxy.url(), ""};
  const DeviceIdentity device = t.fleet->enrolled("state", through);
  const Bytes data = noise(8 * kChunkBytes + 5, 1);
  const Sha256 name = t.source.add(t.write("model", data));
  // A broken connection may take what was under way along; sooner or later a chunk stays.
  const auto saved = [&] {
    return missing_chunks(make_manifest(data), t.spool.file("got.part"), system_files());
  };
  for (int64_t megabytes = 2; saved().size() == 9; ++megabytes) {
    proxy.cut_after(megabytes * kChunkBytes);
    ASSERT_EQ(code_of([&] { t.client(device, through).download(name, t.spool.file("got")); }),
              ErrorCode::kUnavailable);
  }
  EXPECT_FALSE(system_files().exists(t.spool.file("got")));
  proxy.heal();
  const TransferCount rest = t.client(device, through).download(name, t.spool.file("got"));
  EXPECT_GE(rest.bytes_reused, uint64_t{kChunkBytes});
  EXPECT_EQ(rest.bytes_reused + rest.bytes_moved, data.size());
  EXPECT_EQ(system_files().read(t.spool.file("got")), data);
}

TEST(Chunks, UploadGoesOnWhereTheLinkBrokeAndAfterARestart) {
  Transfers t("fleet.invalid");
  TestProxy proxy;
  const ProxySettings through{proxy.url(), ""};
  const DeviceIdentity device = t.fleet->enrolled("state", through);
  const Bytes data = noise(8 * kChunkBytes + 5, 2);
  const std::string path = t.write("update", data);
  const UploadKey key{device.device_id, "task", 1};
  // A coordinator that was killed knows what the files tell it, and trusts none of them.
  const auto durable = [&] {
    FolderSink restarted(t.spool.file("uploads"), kLimit, system_files());
    return restarted.begin(key, make_manifest(data)).size();
  };
  for (int64_t megabytes = 2; durable() == 9; ++megabytes) {
    proxy.cut_after(megabytes * kChunkBytes);
    ASSERT_EQ(code_of([&] { t.client(device, through).upload("task", 1, path); }), ErrorCode::kUnavailable);
  }
  proxy.heal();
  EXPECT_EQ(code_of([&] { t.sink.read(key); }), ErrorCode::kNotFound);
  const TransferCount rest = t.client(device, through).upload("task", 1, path);
  EXPECT_GE(rest.bytes_reused, uint64_t{kChunkBytes});
  EXPECT_EQ(rest.bytes_reused + rest.bytes_moved, data.size());
  EXPECT_EQ(t.sink.read(key).bytes, data);
  // Once more: nothing moves.
  EXPECT_EQ(t.client(device, through).upload("task", 1, path).bytes_moved, 0u);
}

TEST(Chunks, CorruptChunksAreFetchedAgain) {
  Transfers t;
  const DeviceIdentity device = t.fleet->enrolled("state");
  const Bytes data = noise(5 * kChunkBytes, 3);
  const Sha256 name = t.source.add(t.write("model", data));
  t.faulty.damage = {{1, 2}, {3, 1}};
  t.client(device).download(name, t.spool.file("got"));
  EXPECT_EQ(system_files().read(t.spool.file("got")), data);
  t.faulty.damage = {{2, 1000}};
  std::string message;
  EXPECT_EQ(code_of([&] { t.client(device).download(name, t.spool.file("again")); }, &message),
            ErrorCode::kCorrupt);
  EXPECT_THAT(message, ::testing::HasSubstr("chunk 2"));
  EXPECT_FALSE(system_files().exists(t.spool.file("again")));
}

TEST(Chunks, DamagedPartialFilesAreRepaired) {
  Transfers t;
  const DeviceIdentity device = t.fleet->enrolled("state");
  const Bytes data = noise(3 * kChunkBytes, 4);
  const Sha256 name = t.source.add(t.write("model", data));
  Bytes partial = data;
  partial[kChunkBytes + 9] ^= std::byte{4};
  t.write("got.part", partial);
  EXPECT_EQ(t.client(device).download(name, t.spool.file("got")).bytes_reused, 2u * kChunkBytes);
  EXPECT_EQ(system_files().read(t.spool.file("got")), data);
}

TEST(FolderSink, RefusesWhatDoesNotFit) {
  TemporaryFolder folder;
  FolderSink sink(folder.path(), kLimit, system_files());
  const Bytes data = noise(2 * kChunkBytes, 5);
  const UploadKey key{"device", "../../../etc/passwd", 1};
  const ByteSpan first = ByteSpan(data).first(kChunkBytes), second = ByteSpan(data).last(kChunkBytes);
  EXPECT_EQ(code_of([&] { sink.put(key, 0, first); }), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(sink.begin(key, make_manifest(data)), ::testing::ElementsAre(0, 1));
  EXPECT_EQ(code_of([&] { sink.put(key, 0, second); }), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of([&] { sink.put(key, 0, first.first(100)); }), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of([&] { sink.put(key, 2, first); }), ErrorCode::kInvalidArgument);
  sink.put(key, 1, second);
  sink.put(key, 1, second);
  EXPECT_THAT(sink.begin(key, make_manifest(data)), ::testing::ElementsAre(0));
  sink.put(key, 0, first);
  EXPECT_EQ(sink.read(key).bytes, data);
  // Another device, attempt or task is another upload.
  EXPECT_EQ(sink.begin({"device", key.task, 2}, make_manifest(data)).size(), 2u);
  EXPECT_EQ(sink.begin({"device2", key.task, 1}, make_manifest(data)).size(), 2u);
  // A whole hash that the chunks do not add up to.
  Manifest lie = make_manifest(data);
  lie.sha256 = sha256(as_bytes("something else"));
  const UploadKey liar{"liar", "task", 1};
  sink.begin(liar, lie);
  sink.put(liar, 0, first);
  sink.put(liar, 1, second);
  EXPECT_EQ(code_of([&] { sink.missing(liar); }), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of([&] { sink.put(liar, 0, first); }), ErrorCode::kFailedPrecondition);
}

TEST(FolderSink, ChangedUpdateStartsAnew) {
  TemporaryFolder folder;
  FolderSink sink(folder.path(), kLimit, system_files());
  const UploadKey key{"device", "task", 1};
  const Bytes old = noise(3 * kChunkBytes, 6), fresh = noise(kChunkBytes / 2, 7);
  sink.begin(key, make_manifest(old));
  sink.put(key, 0, ByteSpan(old).first(kChunkBytes));
  EXPECT_THAT(sink.begin(key, make_manifest(fresh)), ::testing::ElementsAre(0));
  sink.put(key, 0, fresh);
  EXPECT_EQ(sink.read(key).bytes, fresh);
}

TEST(FolderSink, ASealedUploadIsNotReplaced) {
  TemporaryFolder folder;
  FolderSink sink(folder.path(), kLimit, system_files());
  const UploadKey key{"device", "task", 1};
  const Bytes good = noise(kChunkBytes + 3, 8), other = noise(kChunkBytes, 9);
  EXPECT_FALSE(sink.seal(key, sha256(good))) << "never begun";
  sink.begin(key, make_manifest(good));
  sink.put(key, 0, ByteSpan(good).first(kChunkBytes));
  EXPECT_FALSE(sink.seal(key, sha256(good))) << "not whole";
  sink.put(key, 1, ByteSpan(good).last(3));
  EXPECT_FALSE(sink.seal(key, sha256(other))) << "another one";
  EXPECT_TRUE(sink.seal(key, sha256(good)));
  EXPECT_EQ(code_of([&] { sink.begin(key, make_manifest(other)); }), ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(sink.begin(key, make_manifest(good)).empty());
  EXPECT_EQ(sink.read(key).bytes, good);
  sink.remove(key);
  EXPECT_EQ(sink.begin(key, make_manifest(other)).size(), 1u);
}

TEST(FolderSink, AtTheStartOnlyWhatIsOwnedStays) {
  TemporaryFolder folder;
  const Bytes data = noise(100, 10);
  const UploadKey mine{"device", "task", 1}, orphan{"device", "task of yesterday", 1};
  {
    FolderSink sink(folder.path(), kLimit, system_files());
    for (const UploadKey& key : {mine, orphan}) {
      sink.begin(key, make_manifest(data));
      sink.put(key, 0, data);
    }
    system_files().write_atomic(folder.file("0123.manifest.tmp77-1"), data);
  }
  FolderSink sink(folder.path(), kLimit, system_files());
  sink.keep_only({mine});
  EXPECT_EQ(system_files().list(folder.path()).size(), 2u);
  EXPECT_EQ(sink.read(mine).bytes, data);
  EXPECT_EQ(code_of([&] { sink.read(orphan); }), ErrorCode::kNotFound);
}

// Somebody asks about an upload all the time while it is removed and begun again: whatever is answered must
// be true of the files.
TEST(FolderSink, ALookWhileItIsRemovedRemembersNothing) {
  TemporaryFolder folder;
  FolderSink sink(folder.path(), kLimit, system_files());
  const UploadKey key{"device", "task", 1};
  const Bytes data = noise(1000, 12);
  std::atomic<bool> stop = false;
  std::thread looking([&] {
    while (!stop) {
      try {
        sink.missing(key);
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kFailedPrecondition) << e.what();
      }
    }
  });
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(sink.begin(key, make_manifest(data)).size(), 1u) << i;
    sink.put(key, 0, data);
    ASSERT_EQ(sink.read(key).bytes, data);
    sink.remove(key);
  }
  stop = true;
  looking.join();
}

TEST(Chunks, RequestsOutOfOrderAreRefused) {
  Transfers t("127.0.0.1", 2 * kChunkBytes);
  const DeviceIdentity device = t.fleet->enrolled("state");
  ChunkClient client = t.client(device);
  EXPECT_EQ(code_of([&] { client.download(sha256(as_bytes("nothing")), t.spool.file("got")); }),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { client.upload("task", 1, t.write("big", noise(2 * kChunkBytes + 1, 8))); }),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(code_of([&] { client.upload("", 1, t.write("small", noise(9, 9))); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { client.upload(std::string(300, 'x'), 1, t.spool.file("small")); }),
            ErrorCode::kInvalidArgument);

  const auto stub =
      wire::v1::Chunks::NewStub(open_channel(device.coordinator, device.tls.authority_pem, &device.tls, {}));
  const auto upload_one = [&](const wire::v1::UploadRequest& request) {
    grpc::ClientContext context;
    set_timeout(context, 10'000);
    wire::v1::UploadReply reply;
    const auto writer = stub->Upload(&context, &reply);
    writer->Write(request);
    writer->WritesDone();
    return writer->Finish().error_code();
  };
  wire::v1::UploadRequest request;
  EXPECT_EQ(upload_one(request), grpc::StatusCode::FAILED_PRECONDITION);  // no wire version
  request.set_protocol(kWireVersion);
  EXPECT_EQ(upload_one(request), grpc::StatusCode::INVALID_ARGUMENT);  // no task
  request.mutable_id()->set_task("never begun");
  request.mutable_chunk()->set_index(0);
  EXPECT_EQ(upload_one(request), grpc::StatusCode::FAILED_PRECONDITION);
}

// A disk that takes its time.
class SlowSink final : public ChunkSink {
 public:
  std::vector<uint32_t> begin(const UploadKey&, const Manifest&) override { return {0}; }
  void put(const UploadKey&, uint32_t, ByteSpan) override {}
  std::vector<uint32_t> missing(const UploadKey&) override {
    ++waiting;
    released.wait(false);
    return {};
  }
  std::atomic<int> waiting = 0;
  std::atomic<bool> released = false;
};

TEST(Chunks, ASlowDiskForUploadsHoldsNoDownloadUp) {
  TemporaryFolder folder;
  SlowSink sink;
  FileSource source(system_files());
  std::unique_ptr<TestFleet> fleet;
  ChunkService service(
      source, sink, [](const grpc::ServerContextBase&) { return "device"; }, kLimit);
  fleet = std::make_unique<TestFleet>(std::vector<grpc::Service*>{&service});
  const DeviceIdentity device = fleet->enrolled("state");
  const auto stub =
      wire::v1::Chunks::NewStub(open_channel(device.coordinator, device.tls.authority_pem, &device.tls, {}));
  system_files().write_atomic(folder.file("model"), noise(100, 1));
  const Sha256 name = source.add(folder.file("model"));
  wire::v1::UploadRequest part;
  part.set_protocol(kWireVersion);
  part.mutable_id()->set_task("task");
  std::vector<std::thread> uploads;
  for (int i = 0; i < 12; ++i)
    uploads.emplace_back([&] {
      grpc::ClientContext context;
      set_timeout(context, 60'000);
      wire::v1::UploadReply reply;
      const auto writer = stub->Upload(&context, &reply);
      writer->Write(part);
      writer->WritesDone();
      EXPECT_TRUE(writer->Finish().ok());
    });
  while (sink.waiting < 2) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    wire::v1::DownloadRequest request;
    request.set_protocol(kWireVersion);
    request.set_sha256(std::string(as_chars(name)));
    grpc::ClientContext context;
    set_timeout(context, 10'000);
    wire::v1::Chunk chunk;
    const auto reader = stub->Download(&context, request);
    EXPECT_TRUE(reader->Read(&chunk));
    EXPECT_TRUE(reader->Finish().ok()) << i;
  }
  sink.released = true;
  sink.released.notify_all();
  for (std::thread& t : uploads) t.join();
  fleet->fleet_server->shutdown(0);
}

TEST(Chunks, StoppingEndsATransferSoon) {
  Transfers t;
  const DeviceIdentity device = t.fleet->enrolled("state");
  const Sha256 name = t.source.add(t.write("model", noise(kChunkBytes, 10)));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { t.client(device).download(name, t.spool.file("got"), stop.get_token()); }),
            ErrorCode::kCancelled);
  EXPECT_EQ(code_of([&] { t.client(device).upload("task", 1, t.spool.file("model"), stop.get_token()); }),
            ErrorCode::kCancelled);
}

TEST(Manifest, LiesAreRefused) {
  const Bytes data = noise(2 * kChunkBytes + 1, 11);
  const wire::v1::Manifest good = to_wire(make_manifest(data));
  EXPECT_EQ(from_wire(good, kLimit), make_manifest(data));
  const auto refused = [&](auto&& change) {
    wire::v1::Manifest bad = good;
    change(bad);
    return code_of([&] { from_wire(bad, kLimit); });
  };
  EXPECT_EQ(refused([](auto& m) { m.set_size(kLimit + 1); }), ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused([](auto& m) { m.set_size(UINT64_MAX); }), ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused([](auto& m) { m.set_size(kChunkBytes); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& m) { m.set_chunk_size(0); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& m) { m.set_chunk_size(1); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& m) { m.set_chunk_size(UINT32_MAX); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& m) { m.set_sha256("short"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& m) { m.set_chunk_sha256(1, ""); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused([](auto& m) { m.add_chunk_sha256(m.sha256()); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace dunlin::fleet
