#include "base/threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"

namespace dunlin {

namespace {

// Steps of a plan follow each other within microseconds, so a thread without work watches for a while before
// it sleeps. Longer would take the core from whoever else needs it, our own other threads among them.
constexpr auto kSpin = std::chrono::microseconds(100);

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns the first value for which done(value) holds: watches for kSpin, then sleeps.
template <typename Done>
uint32_t await(const std::atomic<uint32_t>& word, const Done& done) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  for (uint32_t i = 1;; ++i) {
    const uint32_t value = word.load(std::memory_order_acquire);
    if (done(value)) return value;
    pause_core();
    if (i % 32 == 0 && std::chrono::steady_clock::now() > until) break;
  }
  for (;;) {
    const uint32_t value = word.load(std::memory_order_acquire);
    if (done(value)) return value;
    word.wait(value, std::memory_order_acquire);
  }
}

struct Job {
  FunctionRef<void(size_t, int)> task;
  size_t count;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::exception_ptr error;

  void work(int slot) {
    try {
      for (size_t i; !failed.load(std::memory_order_relaxed) && (i = next.fetch_add(1)) < count;)
        task(i, slot);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      failed = true;
    }
  }
};

}  // namespace

/// A job is open to whoever comes: the caller takes its tasks too, closes it when none is left, and waits
/// only for the workers that came in. A worker that sleeps, or that has no core, therefore delays nothing.
class ThreadPool::Team {
 public:
  explicit Team(int num_workers) {
    try {
      for (int slot = 1; slot <= num_workers; ++slot) workers_.emplace_back([this, slot] { serve(slot); });
    } catch (const std::system_error&) {
      // Fewer threads than asked for; without any, everything runs on the caller.
    }
  }
  ~Team() {
    open(nullptr, workers_.size());
    for (std::thread& w : workers_) w.join();
  }

  size_t num_workers() const { return workers_.size(); }

  void run(Job& job) {
    std::lock_guard lock(callers_);
    const uint32_t turn = open(&job, std::min(job.count - 1, workers_.size()));
    job.work(0);
    if ((gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & kInside) != 0)
      await(drained_, [&](uint32_t t) { return t == turn; });
  }

 private:
  // The gate: the number of workers inside, whether more may come in, and the job's turn.
  static constexpr uint32_t kInside = 0xffff, kOpen = 0x10000, kTurn = 0x20000;
  static uint32_t turn_of(uint32_t gate) { return gate / kTurn; }

  uint32_t open(Job* job, size_t num_wanted) {
    job_ = job;  // nobody is inside a closed gate
    const uint32_t turn = (turn_of(gate_.load(std::memory_order_relaxed)) + 1) % (UINT32_MAX / kTurn + 1);
    gate_.store(turn * kTurn | kOpen, std::memory_order_release);
    if (num_wanted >= workers_.size())
      gate_.notify_all();
    else
      for (size_t i = 0; i < num_wanted; ++i) gate_.notify_one();
    return turn;
  }

  void serve(int slot) {
    for (uint32_t seen = 0;;) {
      uint32_t gate = await(gate_, [&](uint32_t g) { return (g & kOpen) != 0 && turn_of(g) != seen; });
      if (!gate_.compare_exchange_strong(gate, gate + 1, std::memory_order_acq_rel)) continue;
      seen = turn_of(gate);
      Job* job = job_;
      if (job) job->work(slot);
      gate = gate_.fetch_sub(1, std::memory_order_acq_rel) - 1;
      if ((gate & (kOpen | kInside)) == 0) {  // closed, and this was the last
        drained_.store(seen, std::memory_order_release);
        drained_.notify_one();
      }
      if (!job) return;
    }
  }

  alignas(64) std::atomic<uint32_t> gate_{0};
  Job* job_ = nullptr;
  alignas(64) std::atomic<uint32_t> drained_{UINT32_MAX};
  std::mutex callers_;
  std::vector<std::thread> workers_;
};

ThreadPool::ThreadPool(int num_threads) : num_threads_(num_threads) {
  if (num_threads < 1) fail(ErrorCode::kInvalidArgument, "threads: {} is not a positive number", num_threads);
  if (num_threads == 1) return;
  team_ = std::make_unique<Team>(num_threads - 1);
  num_threads_ = static_cast<int>(team_->num_workers()) + 1;
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::parallel_for(size_t count, FunctionRef<void(size_t, int)> task) {
  if (num_threads_ == 1 || count <= 1) {
    for (size_t i = 0; i < count; ++i) task(i, 0);
    return;
  }
  Job job{.task = task, .count = count, .mutex = {}, .error = {}};
  team_->run(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace dunlin
