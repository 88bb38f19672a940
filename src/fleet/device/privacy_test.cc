// What a device sends, message by message, is what docs/privacy.md says.
#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/client_interceptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <set>
#include <sstream>

#include "base/log.h"
#include "dunlin/device.h"
#include "fleet/coordinator_server.h"
#include "fleet/identity/device_identity.h"
#include "fleet/model/onnx_codec.h"
#include "fleet/setup.h"
#include "fleet/test_support.h"
#include "fleet/transport/channel.h"
#include "fleet/wire/chunks.pb.h"
#include "fleet/wire/enroll.pb.h"
#include "fleet/wire/fleet.pb.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "learn/task.h"

namespace dunlin::fleet {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Sent {
  std::string message;  // its type, without the package
  std::string bytes;
};

/// Every message that any gRPC client in this process sends, as bytes.
class Ear final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  Ear() { grpc::experimental::RegisterGlobalClientInterceptorFactory(this); }
  ~Ear() override { grpc::experimental::TestOnlyResetGlobalClientInterceptorFactory(); }
  std::vector<Sent> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  struct Listener final : grpc::experimental::Interceptor {
    Listener(Ear& e, std::string m) : ear(e), method(std::move(m)) {}
    void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
      using Point = grpc::experimental::InterceptionHookPoints;
      if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_MESSAGE)) {
        std::vector<grpc::Slice> slices;
        std::string bytes;
        if (methods->GetSerializedSendMessage()->Dump(&slices).ok())
          for (const grpc::Slice& s : slices)
            bytes.append(reinterpret_cast<const char*>(s.begin()), s.size());
        ear.hear(method, std::move(bytes));
      }
      methods->Proceed();
    }
    Ear& ear;
    std::string method;
  };

  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo* info) override {
    return new Listener(*this, info->method());  // gRPC deletes it
  }
  void hear(std::string method, std::string bytes) {
    std::replace(method.begin(), method.end(), '/', '.');  // "/package.Service/Method"
    const auto* found =
        google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(method.substr(1));
    const std::lock_guard lock(mutex_);
    heard_.push_back({found ? found->input_type()->name() : method, std::move(bytes)});
  }

  std::mutex mutex_;
  std::vector<Sent> heard_;
};

std::unique_ptr<Message> parse(const std::string& type, const std::string& bytes) {
  const auto* found =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("dunlin.wire.v1." + type);
  if (found == nullptr) return nullptr;
  std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(found)->New());
  if (!message->ParseFromString(bytes)) return nullptr;
  return message;
}

/// "capabilities.strategies", ...: the fields that are set.
void add_fields(const Message& message, const std::string& prefix, std::set<std::string>& out) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* f : fields) {
    const std::string name = prefix + f->name();
    if (f->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      out.insert(name);
    } else if (f->is_repeated()) {
      for (int i = 0; i < message.GetReflection()->FieldSize(message, f); ++i)
        add_fields(message.GetReflection()->GetRepeatedMessage(message, f, i), name + ".", out);
    } else {
      add_fields(message.GetReflection()->GetMessage(message, f), name + ".", out);
    }
  }
}

struct Row {
  std::set<std::string> fields;
  uint64_t bytes = 0, each = 0;  // at most `bytes`, and `each` a chunk or tensor
};

/// The rows of the document's table: | `Message` | when | fields | bytes |
std::map<std::string, Row> documented() {
  std::map<std::string, Row> rows;
  std::ifstream in(std::string(DUNLIN_SOURCE_DIR) + "/docs/privacy.md");
  for (std::string line; std::getline(in, line);) {
    std::smatch m;
    if (!std::regex_match(line, m,
                          std::regex(R"(\| `(\w+)` \|[^|]*\|([^|]*)\| (\d+)(?: \+ (\d+)?[^|]*)? \|)")))
      continue;
    Row& row = rows[m[1]];
    const std::string fields = m[2];
    const std::regex name("`([a-z0-9_.]+)`");
    for (std::sregex_iterator it(fields.begin(), fields.end(), name), end; it != end; ++it)
      row.fields.insert((*it)[1]);
    row.bytes = std::stoull(m[3]);
    row.each = m[4].matched ? std::stoull(m[4]) : 0;
  }
  return rows;
}

/// The bytes that the document's table allows beside the row's first number.
uint64_t variable_part(const Message& message, const Row& row) {
  if (const auto* begin = dynamic_cast<const wire::v1::BeginUploadRequest*>(&message))
    return row.each * static_cast<uint64_t>(begin->manifest().chunk_sha256_size());
  if (const auto* upload = dynamic_cast<const wire::v1::UploadRequest*>(&message))
    return upload->chunk().data().size();
  uint64_t bytes = 0;
  if (const auto* header = dynamic_cast<const wire::v1::UpdateHeader*>(&message))
    for (const auto& t : header->tensors()) bytes += row.each + t.name().size();
  return bytes;
}

TEST(Privacy, TheDocumentListsWhateverADeviceSends) {
  init_logging(true);
  const std::map<std::string, Row> rows = documented();
  ASSERT_GE(rows.size(), 11u);
  TemporaryFolder folder;
  FileSystem& files = system_files();

  // Names that must not leave: of the file, of its columns, of the classes.
  std::ostringstream table;
  table << "pulse,age,weight,height,diagnosis\n";
  for (int i = 0; i < 40; ++i)
    table << i % 7 << "," << i << "," << 0.5 * i << ",1," << (i % 2 ? "healthy" : "scurvy") << "\n";
  files.write_atomic(folder.file("jane_doe.csv"), as_bytes(table.str()));

  const std::string dir = folder.file("fleet");
  FleetConfig config = init_fleet(dir, "127.0.0.1", "127.0.0.1:0", files, system_clock());
  config.round = {.rounds = 1, .cohort_size = 1, .over_selection = 1, .quorum = 1, .pace_s = 1};
  dunlin::Model model = find_architecture("mlp").build({.classes = 2, .height = 2, .width = 2, .seed = 1});
  dunlin::Task task;
  task.input = {1, 2, 2};
  task.labels = {"healthy", "scurvy"};
  write_task(task, model.metadata);
  save_onnx(model, join_path(dir, "model.onnx"));
  OnnxCodec codec;
  CoordinatorServer server(
      dir, config,
      CoordinatorServer::Parts{
          .files = files, .clock = system_clock(), .random = system_random(), .codec = codec});
  Ear ear;
  const DeviceOptions options{
      .state_dir = folder.file("device"),
      .token = make_token(dir, 1, 60'000, files, system_clock(), system_random()).text,
      .data = folder.file("jane_doe.csv") + "#label=diagnosis",
      .held_out = 0.25};
  check_device(options);
  {
    Device device(options);
    ASSERT_TRUE(device.learn({}));
  }
  const DeviceIdentity identity = *load_device_identity(options.state_dir, files);
  renew(identity, open_channel(identity.coordinator, identity.tls.authority_pem, &identity.tls, {}),
        options.state_dir, files);

  std::set<std::string> seen;
  std::string update;
  const auto check = [&](const std::string& type, const std::string& bytes) {
    seen.insert(type);
    const auto row = rows.find(type);
    if (row == rows.end()) return void(ADD_FAILURE() << "docs/privacy.md does not list " << type);
    const auto message = parse(type, bytes);
    ASSERT_TRUE(message) << type;
    std::set<std::string> fields;
    add_fields(*message, "", fields);
    for (const std::string& f : fields)
      EXPECT_TRUE(row->second.fields.contains(f)) << "docs/privacy.md: " << type << " also holds " << f;
    EXPECT_LE(bytes.size(), row->second.bytes + variable_part(*message, row->second)) << type;
    if (const auto* upload = dynamic_cast<const wire::v1::UploadRequest*>(message.get()))
      update += upload->chunk().data();
  };
  for (const Sent& s : ear.heard()) {
    check(s.message, s.bytes);
    for (const char* secret : {"jane", "healthy", "scurvy", "diagnosis", "pulse"})
      EXPECT_EQ(s.bytes.find(secret), std::string::npos) << s.message << " holds " << secret;
  }
  // The update's one chunk: length of the header, header, codes of 24 or 32 bits.
  ASSERT_GT(update.size(), 4u);
  const auto header_size = load_le<uint32_t>(as_bytes(update).data());
  const std::string header_bytes = update.substr(4, header_size);
  check("UpdateHeader", header_bytes);
  wire::v1::UpdateHeader header;
  ASSERT_TRUE(header.ParseFromString(header_bytes));
  uint64_t codes = 0;
  for (const auto& t : header.tensors()) {
    uint64_t values = 1;
    for (const int64_t d : t.shape()) values *= static_cast<uint64_t>(d);
    EXPECT_TRUE(t.bits() == 24 || t.bits() == 32) << t.bits();
    codes += values * t.bits() / 8;
  }
  EXPECT_EQ(update.size(), 4 + header_size + codes);

  // Nor does the document list what is never sent.
  for (const auto& [type, row] : rows) EXPECT_TRUE(seen.contains(type)) << type << " was not sent";
}

}  // namespace
}  // namespace dunlin::fleet
