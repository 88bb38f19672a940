#include "dunlin/device.h"

#include <cstring>
#include <filesystem>
#include <mutex>

#include "base/directory_lock.h"
#include "base/error.h"
#include "base/log.h"
#include "dunlin/session.h"
#include "fleet/check_connection.h"
#include "fleet/device/agent.h"
#include "fleet/device/model_store.h"
#include "fleet/model/onnx_codec.h"
#include "learn/data/open.h"
#include "learn/partition.h"
#include "learn/trainer.h"

namespace dunlin {

namespace {

/// Of the whole data only this device's share is ever held in memory.
DatasetPtr own_data(const DeviceOptions& o) {
  DataOptions options{.wanted = DataOptions::Wanted::kTrain};
  if (!o.share.empty()) {
    const auto spec = PartitionSpec::parse(o.part.empty() ? "uniform" : o.part);
    const auto share = DataShare::parse(o.share);
    options.keep = [=](const Dataset& whole) { return samples_of_share(whole, spec, share); };
  } else if (!o.part.empty()) {
    fail(ErrorCode::kInvalidArgument, "--part {} needs --share I/N", o.part);
  }
  DatasetPtr data = open_data(o.data, options).train;
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
  const auto known = fleet::load_device_identity(o.state_dir, files);
  enrolled_now = !known;
  // With a token enroll() looks at what is there: another fleet's is refused, an expired one renewed. A file that
  // was deleted after the enrolment is as good as no token.
  const bool gone = o.token.starts_with('@') && known && !files.exists(o.token.substr(1));
  if (!o.token.empty() && !gone)
    return fleet::enroll(fleet::parse_token(fleet::token_text(o.token, files)), o.state_dir,
                         fleet::ProxySettings::from_environment(), files, system_clock());
  if (known) return *known;
  fail(ErrorCode::kFailedPrecondition,
       "{}: this device is not enrolled yet: ask for a token (`dunlin fleet token DIR`) and start with "
       "--token",
       o.state_dir);
}

/// Why nothing can be written there; empty when it can. Changes nothing.
std::string why_unwritable(const std::string& dir) {
  std::error_code error;
  std::filesystem::path place = std::filesystem::absolute(dir, error);
  while (!std::filesystem::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  if (!std::filesystem::is_directory(place, error)) return place.string() + " is not a folder";
  if (::access(place.c_str(), W_OK | X_OK) != 0)
    return fmt::format("{} cannot be written: {}", place.string(), std::strerror(errno));
  return {};
}

}  // namespace

struct Device::State {
  explicit State(DeviceOptions o)
      : options(std::move(o)),
        lock((system_files().make_directories(options.state_dir, 0700), options.state_dir), "lock", "device"),
        pool(std::make_shared<ThreadPool>(options.num_threads)),
        models(options.state_dir, system_files()),
        tasks(options.state_dir, split_data(options), pool, models, system_files(), system_clock()),
        identity(identity_of(options, enrolled_now)) {
    if (const auto known = models.current()) version = known->version, model = known->path;
  }

  std::shared_ptr<Session> load(const std::string& path) const {
    return std::make_shared<Session>(Session::load(path, {.num_threads = options.num_threads}));
  }

  void use_model(uint64_t number, const std::string& path) {
    bool runs = false;
    {
      std::lock_guard guard(mutex);
      runs = session != nullptr;
    }
    // Loaded before the swap, so that run() waits for nothing but a pointer; a device that only learns never
    // runs a model and holds none.
    std::shared_ptr<Session> fresh = runs ? load(path) : nullptr;
    std::lock_guard guard(mutex);
    session = std::move(fresh);
    version = number;
    model = path;
  }

  std::shared_ptr<Session> newest() {
    for (;;) {
      std::string path;
      uint64_t number = 0;
      {
        std::lock_guard guard(mutex);
        if (session) return session;
        path = model, number = version;
      }
      if (path.empty()) fail(ErrorCode::kFailedPrecondition, "no model has arrived from the fleet yet");
      std::shared_ptr<Session> fresh;
      try {
        fresh = load(path);
      } catch (const Error&) {  // a newer version has taken its place meanwhile, file and all
        std::lock_guard guard(mutex);
        if (version == number) throw;
        continue;
      }
      std::lock_guard guard(mutex);
      if (version != number) continue;
      return session = std::move(fresh);
    }
  }

  DeviceOptions options;
  DirectoryLock lock;  // two processes in one folder would spoil each other's task
  std::shared_ptr<ThreadPool> pool;
  fleet::ModelStore models;
  fleet::TaskRunner tasks;
  bool enrolled_now = false;
  fleet::DeviceIdentity identity;

  mutable std::mutex mutex;  // what follows
  /// None until run() is called. Shared: a run under way keeps the old model while the new one takes its
  /// place.
  std::shared_ptr<Session> session;
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
                      .models = state_->models,
                      .proxy = fleet::ProxySettings::from_environment()});
  return agent.run(stop, tell,
                   [&](uint64_t version, const std::string& path) { state_->use_model(version, path); });
}

std::vector<Tensor> Device::run(std::span<const Tensor> inputs) { return state_->newest()->run(inputs); }

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
  attempt("state", "choose another folder, or ask this machine's administrator for the right to write there",
          [&] {
            if (const std::string why = why_unwritable(o.state_dir); !why.empty())
              fail(ErrorCode::kPermissionDenied, "{}", why);
            return o.state_dir;
          });
  std::optional<fleet::DeviceIdentity> identity;
  attempt("identity", "move the folder away and enrol anew: ask the fleet's administrator for a token", [&] {
    identity = fleet::load_device_identity(o.state_dir, files);
    return identity ? fmt::format("device {} of fleet {}", identity->device_id, identity->fleet_id)
                    : std::string("none yet: this device is not enrolled");
  });
  std::optional<fleet::CheckTarget> target;
  if (identity) {
    target = fleet::check_target(*identity);
    if (!o.token.empty())
      attempt("token", "another fleet needs another folder: give another --dir, or leave out --token", [&] {
        const fleet::Token token = fleet::parse_token(fleet::token_text(o.token, files));
        if (token.authority_fingerprint != target->authority_fingerprint)
          fail(ErrorCode::kFailedPrecondition,
               "{} belongs to a device of fleet {}, the token to another fleet", o.state_dir,
               identity->fleet_id);
        return std::string("of this device's fleet; not needed any more");
      });
  } else {
    attempt("token", "ask the fleet's administrator for a token: `dunlin fleet token DIR`", [&] {
      if (o.token.empty())
        fail(ErrorCode::kFailedPrecondition, "no token was given and this device is not enrolled");
      const fleet::Token token = fleet::parse_token(fleet::token_text(o.token, files));
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
  const auto newest = fleet::ModelStore(o.state_dir, files).current();
  if (!data || !newest) {
    out.push_back({"labels", "skipped",
                   data ? "the fleet's model has not arrived yet" : "needs a check above that failed", ""});
  } else {
    attempt("labels", "rename the data's classes to those of the model, or ask for a model that has them",
            [&] {
              const Model model = fleet::parse_artefact(files.read(newest->path));
              const auto task = read_task(model.metadata, newest->path);
              if (!task) fail(ErrorCode::kFailedPrecondition, "the fleet's model carries no task");
              map_labels(*task, *data);
              return fmt::format("all of the data's classes are among the model's {}", task->labels.size());
            });
  }
  return out;
}

}  // namespace dunlin
