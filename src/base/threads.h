// A thread pool that carries the first exception back to the caller, and that leaves the cores to others when
// it has nothing to do.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace dunlin {

/// A borrowed callable: as cheap as a function pointer and a context. The callable must outlive the call.
template <typename Signature>
class FunctionRef;
template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : context_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* context, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(context))(static_cast<Args&&>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(context_, static_cast<Args&&>(args)...); }

 private:
  void* context_;
  R (*call_)(void*, Args...);
};

class ThreadPool {
 public:
  /// `num_threads` includes the calling thread; 1 makes no thread at all.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return num_threads_; }

  /// Calls task(index, slot) once for every index in [0, count). `slot` < size() is not used by two running
  /// tasks at once, so it may name a scratch buffer. Which slot runs which index is not fixed: results must
  /// not depend on it. Rethrows the first exception after all tasks have ended; tasks not yet begun are then
  /// skipped. Calls from several threads are serialised; a task must not call the same pool.
  void parallel_for(size_t count, FunctionRef<void(size_t index, int slot)> task);

 private:
  class Team;
  int num_threads_;
  std::unique_ptr<Team> team_;  // none for one thread
};

}  // namespace dunlin
