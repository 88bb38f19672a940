// One task of a round on a device: fetch the model, train, send the update. Everything lies in a folder of
// its own, so that a device that was killed goes on where it was.
#pragma once

#include <functional>
#include <stop_token>

#include "base/clock.h"
#include "base/threads.h"
#include "dunlin/device.h"
#include "fleet/device/model_store.h"
#include "fleet/strategies/strategy.h"
#include "fleet/transport/chunks.h"
#include "fleet/wire/fleet.grpc.pb.h"
#include "graph/ir.h"
#include "learn/data/dataset.h"

namespace dunlin::fleet {

struct DeviceData {
  DatasetPtr train, held_out;  ///< null when there is none
};

class TaskRunner {
 public:
  TaskRunner(std::string state_dir, DeviceData data, std::shared_ptr<ThreadPool> pool, ModelStore& models,
             FileSystem& files, Clock& clock)
      : state_dir_(std::move(state_dir)),
        data_(std::move(data)),
        pool_(std::move(pool)),
        models_(models),
        files_(files),
        clock_(clock) {}

  using OnEvent = std::function<void(const DeviceEvent&)>;
  /// Returns the coordinator's answer to the update. Throws TrainingStopped, kUnavailable when the link broke
  /// (call again to go on), and what training throws: the caller then reports that there will be no update.
  wire::v1::CommitReply run(const wire::v1::Task& task, wire::v1::Fleet::Stub& fleet, ChunkClient& chunks,
                            std::stop_token stop, const OnEvent& on_event);

  /// Why this device's data cannot teach that model (labels outside its map, samples of another shape), and
  /// what to do; empty when it can.
  std::string why_unfit(const std::string& model_path) const;
  /// Tries an artefact on the held-out data.
  wire::v1::Metrics evaluate(const std::string& model_path) const;

  /// Forgets every task but this one ("" forgets all).
  void clean(const std::string& keep_folder);

  const DeviceData& data() const { return data_; }

 private:
  wire::v1::Metrics evaluate(const dunlin::Model& model) const;
  std::string folder_of(const wire::v1::Task& task) const;
  struct Learned {
    Update update;
    LocalMetrics evaluation;  ///< of the model received, before training
  };
  Learned learn(const wire::v1::Task& task, const std::string& folder, ChunkClient& chunks,
                std::stop_token stop, const OnEvent& on_event);
  void make_update(const wire::v1::Task& task, const std::string& folder, ChunkClient& chunks,
                   std::stop_token stop, const OnEvent& on_event);

  std::string state_dir_;
  DeviceData data_;
  std::shared_ptr<ThreadPool> pool_;
  ModelStore& models_;
  FileSystem& files_;
  Clock& clock_;
};

}  // namespace dunlin::fleet
