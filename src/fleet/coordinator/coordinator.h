// The coordinator: rounds as a state machine over the store.
//
//   (selection) -> open -> closing -> published     an open round takes updates until its target or deadline
//                    \________\-----> failed -> the same round again, attempt + 1
//
// Requests come in on any thread; every answer that promises something is given after it is durable. tick()
// makes the transitions that no request makes. A coordinator that is killed and made again over the same
// folder goes on where the store says: it counts nothing twice and loses nothing it acknowledged.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/directory_lock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "fleet/coordinator/artefacts.h"
#include "fleet/coordinator/inbox.h"
#include "fleet/coordinator/live_round.h"
#include "fleet/coordinator/metrics.h"
#include "fleet/coordinator/pool.h"
#include "fleet/coordinator/settings.h"
#include "fleet/store/store.h"
#include "fleet/strategies/strategy.h"
#include "fleet/wire/fleet.pb.h"

namespace dunlin::fleet {

/// Tries a model on the coordinator's own held-out set; whoever knows how to run one implements it.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual Evaluated evaluate(ByteSpan artefact) = 0;
};

/// What a coordinator stands on; all of it outlives the coordinator.
struct CoordinatorParts {
  Clock& clock;
  FileSystem& files;
  SecureRandom& random;
  ModelCodec& codec;
  UpdateInbox& inbox;
  Evaluator* evaluator = nullptr;  // null: versions are published unevaluated
};

class Coordinator {
 public:
  /// Makes the population with `first_model` (an artefact's bytes) as version 0, or resumes; `first_model` is
  /// not looked at then. Throws kFailedPrecondition when another coordinator has the folder or the strategy
  /// changed.
  Coordinator(const std::string& dir, const CoordinatorSettings& settings, const CoordinatorParts& parts,
              ByteSpan first_model, const Database::Options& database = {});
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  /// `device` is the one that the certificate names. `cancelled` is asked while an answer is held open.
  wire::v1::CheckInReply check_in(const std::string& device, const wire::v1::CheckInRequest& request,
                                  const std::function<bool()>& cancelled = {});
  wire::v1::CommitReply commit(const std::string& device, const wire::v1::CommitRequest& request);
  wire::v1::ReportReply report(const std::string& device, const wire::v1::ReportRequest& request);

  /// The path and size of an artefact that devices may have (models and broadcasts), by SHA-256. Throws
  /// kNotFound.
  struct Download {
    std::string path;
    uint64_t size;
  };
  Download download(const std::string& sha256);
  /// Whether this device may send this task's update, of `size` bytes, now; the reason otherwise.
  wire::v1::Reason may_upload(const std::string& device, const std::string& task, uint32_t attempt,
                              uint64_t size);
  void count_traffic(uint64_t bytes_up, uint64_t bytes_down);

  /// Does what is due; returns when the next thing is (milliseconds of the clock), INT64_MAX when nothing is
  /// planned.
  int64_t tick();
  /// tick() whenever something is due, until stop().
  void run();
  /// Ends run() and answers every held check-in. Requests are still answered.
  void stop();

  /// Whether every planned round is published.
  bool finished();
  uint64_t version();
  const CoordinatorMetrics& metrics() const { return metrics_; }
  Store& store() { return store_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void create(ByteSpan first_model);
  void resume();
  int64_t retry_ms(const RoundRow& failed) const;
  void check_population(const PopulationRow& population) const;
  void resume_inbox();
  void sweep_artefacts(uint64_t newest) noexcept;
  void clean(const LiveRound& round) noexcept;

  // Under mutex_.
  bool is_finished() const { return version_.number >= settings_.rounds; }
  bool answer_with_work(const std::string& device, const wire::v1::CheckInRequest& request,
                        wire::v1::CheckInReply& reply);
  wire::v1::Reason unable(const wire::v1::CheckInRequest& request, std::string& message) const;
  std::optional<TaskRow> live_task(const std::string& device, const std::string& task, uint32_t attempt);
  wire::v1::Task task_message(const LiveRound& round, const TaskRow& task) const;
  uint32_t jittered(int64_t ms);
  uint32_t soon_or_pace();
  void wake_worker();

  // With mutex_ free: the store may be waiting for the disk.
  wire::v1::CommitReply first_answer(const std::string& device, const std::string& task, uint32_t attempt);
  wire::v1::ReportReply report_evaluation(const std::string& device, const wire::v1::ReportRequest& request);

  // Under transition_, with mutex_ free.
  bool advance();
  void open_round();
  void close_round(const std::string& why);
  void finish_round();
  void fail_round(const std::string& reason);
  void save_checkpoint();
  void flush_devices(bool now);
  wire::v1::CommitReply settle(const TaskRow& task, const Sha256& sha256, uint64_t size,
                               const CheckedUpdate& update);

  DirectoryLock lock_;
  const CoordinatorSettings settings_;
  CoordinatorParts parts_;
  Artefacts artefacts_, accumulators_;
  Store store_;
  std::unique_ptr<Strategy> strategy_;
  CoordinatorMetrics metrics_;

  std::mutex transition_;  // one durable change of a round at a time; taken before mutex_
  std::mutex mutex_;       // what follows
  std::condition_variable changed_, work_;
  VersionRow version_;
  std::unique_ptr<LiveRound> round_;
  uint32_t next_attempt_ = 1;
  int64_t not_before_ms_ = 0;               // when the round that failed may be tried again
  uint64_t bytes_up_ = 0, bytes_down_ = 0;  // of this round
  SelectionPool pool_;
  std::set<std::string> held_;       // devices whose check-in is kept open; one each
  std::set<std::string> evaluated_;  // devices that tried version_
  std::map<std::string, DeviceRow> seen_;
  int64_t flushed_ms_ = 0;
  std::counting_semaphore<> checking_{
      4};  // updates in memory at once, so that memory does not grow with the cohort
  bool work_waiting_ = false, stopping_ = false;
};

}  // namespace dunlin::fleet
