// Threads for what waits for the disk, so that gRPC's own threads, which are few, do not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace dunlin::fleet {

/// Thread safe.
class Workers {
 public:
  explicit Workers(int num_threads);
  /// Does what was posted, then ends.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// `job` runs soon, on one of the threads; it must not throw.
  void post(std::function<void()> job);

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace dunlin::fleet
