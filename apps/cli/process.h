// Child processes that do not outlive their parent.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace dunlin::cli {

class ChildProcess {
 public:
  static constexpr const char* kSelf = "/proc/self/exe";
  /// Runs `program`, by default this one again. stderr goes to `log_path`; stdout is read by read_line().
  ChildProcess(const std::vector<std::string>& arguments, const std::string& log_path,
               const std::string& program = kSelf);
  /// Kills it when it still runs.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  /// The next line of its stdout; none when it closed it.
  std::optional<std::string> read_line();
  /// The exit code once it has ended, 128 + signal for a killed one.
  std::optional<int> exit_code();
  void terminate();
  /// SIGKILL, and waits for the end.
  void kill();
  /// Waits up to `timeout_ms` for its end, then kills it.
  int join(int64_t timeout_ms);
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int stdout_ = -1;
  std::optional<int> exit_code_;
  std::string buffer_;
};

}  // namespace dunlin::cli
