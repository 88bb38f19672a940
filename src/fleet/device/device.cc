#include "dunlin/device.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "dunlin/session.h"
#include "fleet/check_connection.h"
#include "fleet/device/agent.h"
#include "fleet/model/onnx_codec.h"
#include "learn/data/open.h"
#include "learn/partition.h"
#include "learn/trainer.h"

namespace dunlin {

namespace {

/// Two processes in one folder would spoil each other's task.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) fail(ErrorCode::kIo, "{}: cannot be opened: {}", path, std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      fail(ErrorCode::kFailedPrecondition, "{}: another device runs in this folder", path);
    }
  }
  ~FolderLock() { ::close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

DatasetPtr own_data(const DeviceOptions& o) {
  DatasetPtr data = open_data(o.data).train;
  if (!o.share.empty())
    data = take_share(data, PartitionSpec::parse(o.part.empty() ? "uniform" : o.part),
                      DataShare::parse(o.share));
  else if (!o.part.empty())
    fail(ErrorCode::kInvalidArgument, "--part {} needs --share I/N", o.part);
  if (data->size() == 0) fail(ErrorCode::kFailedPrecondition, "{}: holds no samples", o.data);
  return data;
}

fleet::DeviceData split_data(const DeviceOptions& o) {
  if (o.data.empty()) return {};
  const HeldOutSplit split = split_held_out(own_data(o), o.held_out, 0);
  return {split.train, split.held_out};
}

fleet::DeviceIdentity identity_of(const DeviceOptions& o, bool& enrolled_now) {
  FileSystem& files = system_files();
  enrolled_now = false;
  if (auto known = fleet::load_device_identity(o.state_dir, files)) return *known;
  if (o.token.empty())
    fail(ErrorCode::kFailedPrecondition,
         "{}: this device is not enrolled yet: ask for a token (`dunlin fleet token DIR`) and start with "
         "--token",
         o.state_dir);
  enrolled_now = true;
  return fleet::enroll(fleet::parse_token(o.token), o.state_dir, fleet::ProxySettings::from_environment(),
                       files, system_clock());
}

}  // namespace

struct Device::State {
  explicit State(DeviceOptions o)
      : options(std::move(o)),
        lock(
            (system_files().make_directories(options.state_dir, 0700), join_path(options.state_dir, "lock"))),
        pool(std::make_shared<ThreadPool>(options.num_threads)),
        tasks(options.state_dir, split_data(options), pool, system_files()),
        identity(identity_of(options, enrolled_now)) {}

  void use_model(uint64_t number, const std::string& path) {
    // Planned before the swap, so that run() waits for nothing but a pointer.
    auto fresh = std::make_shared<Session>(Session::load(path, {.num_threads = options.num_threads}));
    std::lock_guard guard(mutex);
    session = std::move(fresh);
    version = number;
    model = path;
  }

  DeviceOptions options;
  FolderLock lock;
  std::shared_ptr<ThreadPool> pool;
  fleet::TaskRunner tasks;
  bool enrolled_now = false;
  fleet::DeviceIdentity identity;

  mutable std::mutex mutex;  // what follows
  std::shared_ptr<Session>
      session;  // shared: a run under way keeps the old model while the new one takes its place
  uint64_t version = 0;
  std::string model;
};

Device::Device(DeviceOptions options) : state_(std::make_unique<State>(std::move(options))) {
  spdlog::warn("the coordinator can read this device's update");
}
Device::~Device() = default;

const std::string& Device::id() const { return state_->identity.device_id; }

uint64_t Device::train_examples() const {
  const DatasetPtr& data = state_->tasks.data().train;
  return data ? data->size() : 0;
}

bool Device::learn(std::stop_token stop, const std::function<void(const DeviceEvent&)>& on_event) {
  const auto tell = [&](const DeviceEvent& e) {
    if (on_event) on_event(e);
  };
  if (state_->enrolled_now) tell({.kind = DeviceEvent::Kind::kEnrolled, .text = id()});
  fleet::Agent agent(state_->identity, state_->options.state_dir,
                     {.files = system_files(),
                      .clock = system_clock(),
                      .tasks = state_->tasks,
                      .proxy = fleet::ProxySettings::from_environment()});
  return agent.run(stop, tell,
                   [&](uint64_t version, const std::string& path) { state_->use_model(version, path); });
}

std::vector<Tensor> Device::run(std::span<const Tensor> inputs) {
  std::shared_ptr<Session> session;
  {
    std::lock_guard guard(state_->mutex);
    session = state_->session;
  }
  if (!session) fail(ErrorCode::kFailedPrecondition, "no model has arrived from the fleet yet");
  return session->run(inputs);
}

uint64_t Device::version() const {
  std::lock_guard guard(state_->mutex);
  return state_->version;
}

std::string Device::model_path() const {
  std::lock_guard guard(state_->mutex);
  return state_->model;
}

std::vector<DeviceCheck> check_device(const DeviceOptions& o) {
  std::vector<DeviceCheck> out;
  const auto attempt = [&](const char* name, const char* remedy, auto&& body) {
    try {
      out.push_back({name, "passed", body(), ""});
    } catch (const Error& e) {
      out.push_back({name, "failed", e.what(), remedy});
    }
  };
  FileSystem& files = system_files();
  const auto identity = fleet::load_device_identity(o.state_dir, files);
  std::optional<fleet::CheckTarget> target;
  if (identity) {
    target = fleet::check_target(*identity);
  } else {
    attempt("token", "ask the fleet's administrator for a token: `dunlin fleet token DIR`", [&] {
      if (o.token.empty())
        fail(ErrorCode::kFailedPrecondition, "no token was given and this device is not enrolled");
      const fleet::Token token = fleet::parse_token(o.token);
      target = fleet::check_target(token);
      return fmt::format("well-formed, for {} port {}", token.host, token.enrolment_port);
    });
  }
  if (target)
    for (const fleet::CheckResult& r :
         fleet::check_connection(*target, fleet::ProxySettings::from_environment(), system_clock()))
      out.push_back({r.name, std::string(to_string(r.outcome)), r.detail, r.remedy});
  DatasetPtr data;
  attempt("data", "check the path given as --data, and --part and --share", [&] {
    if (o.data.empty()) fail(ErrorCode::kInvalidArgument, "no --data: this device would not learn");
    data = own_data(o);
    return fmt::format("{} samples, {} classes", data->size(), data->class_names().size());
  });
  std::string newest;
  const std::string models = join_path(o.state_dir, "models");
  if (files.exists(models))
    for (const std::string& name : files.list(models))
      if (name.ends_with(".onnx")) newest = join_path(models, name);
  if (!data || newest.empty()) {
    out.push_back({"labels", "skipped", "the fleet's model has not arrived yet, or there is no data", ""});
  } else {
    attempt("labels", "rename the data's classes to those of the model, or ask for a model that has them",
            [&] {
              const Model model = fleet::parse_artefact(files.read(newest));
              const auto task = read_task(model.metadata, newest);
              if (!task) fail(ErrorCode::kFailedPrecondition, "the fleet's model carries no task");
              map_labels(*task, *data);
              return fmt::format("all of the data's classes are among the model's {}", task->labels.size());
            });
  }
  return out;
}

}  // namespace dunlin
