#include "base/threads.h"

#include <pthreadpool.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "base/error.h"

#if defined(__SANITIZE_THREAD__)
// pthreadpool synchronises in ways that the race detector does not see: tell it.
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#define DUNLIN_TSAN_ACQUIRE(p) __tsan_acquire(p)
#define DUNLIN_TSAN_RELEASE(p) __tsan_release(p)
#else
#define DUNLIN_TSAN_ACQUIRE(p) static_cast<void>(p)
#define DUNLIN_TSAN_RELEASE(p) static_cast<void>(p)
#endif

namespace dunlin {

namespace {

struct Job {
  FunctionRef<void(size_t, int)> task;
  size_t count;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::exception_ptr error;

  void work(int slot) {
    DUNLIN_TSAN_ACQUIRE(this);
    try {
      for (size_t i; !failed.load(std::memory_order_relaxed) && (i = next.fetch_add(1)) < count;)
        task(i, slot);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      failed = true;
    }
    DUNLIN_TSAN_RELEASE(this);
  }
};

}  // namespace

ThreadPool::ThreadPool(int num_threads) : num_threads_(num_threads) {
  if (num_threads < 1) fail(ErrorCode::kInvalidArgument, "threads: {} is not a positive number", num_threads);
  if (num_threads > 1) pool_.reset(pthreadpool_create(static_cast<size_t>(num_threads)));
  // The library may give fewer threads than asked for; without any, everything runs on the caller.
  num_threads_ =
      pool_ ? static_cast<int>(pthreadpool_get_threads_count(static_cast<pthreadpool_t>(pool_.get()))) : 1;
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::Deleter::operator()(void* pool) const {
  pthreadpool_destroy(static_cast<pthreadpool_t>(pool));
}

void ThreadPool::parallel_for(size_t count, FunctionRef<void(size_t, int)> task) {
  if (num_threads_ == 1 || count <= 1) {
    for (size_t i = 0; i < count; ++i) task(i, 0);
    return;
  }
  Job job{.task = task, .count = count, .mutex = {}, .error = {}};
  DUNLIN_TSAN_RELEASE(&job);
  pthreadpool_parallelize_1d(
      static_cast<pthreadpool_t>(pool_.get()),
      [](void* context, size_t slot) { static_cast<Job*>(context)->work(static_cast<int>(slot)); }, &job,
      std::min(count, static_cast<size_t>(num_threads_)), 0);
  DUNLIN_TSAN_ACQUIRE(&job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace dunlin
