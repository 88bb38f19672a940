#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "signals.h"

namespace dunlin::cli {

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::string& log_path,
                           const std::string& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail(ErrorCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) fail(ErrorCode::kIo, "{}: cannot be opened: {}", log_path, std::strerror(errno));
  const bool is_self = program == kSelf;
  std::vector<char*> argv{const_cast<char*>(is_self ? "dunlin" : program.c_str())};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) fail(ErrorCode::kIo, "cannot start a process: {}", std::strerror(errno));
  if (pid_ == 0) {  // only async-signal-safe calls from here to exec
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::setpgid(0, 0);  // a terminal's Ctrl-C reaches the parent, which then ends its children in order
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    restore_signals();
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  ::close(log);
  stdout_ = ends[0];
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      stdout_(std::exchange(other.stdout_, -1)),
      exit_code_(other.exit_code_),
      buffer_(std::move(other.buffer_)) {}

ChildProcess::~ChildProcess() {
  if (stdout_ >= 0) ::close(stdout_);
  if (pid_ > 0 && !exit_code()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

std::optional<std::string> ChildProcess::read_line() {
  for (;;) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    char chunk[512];
    const ssize_t n = ::read(stdout_, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    buffer_.append(chunk, static_cast<size_t>(n));
  }
}

std::optional<int> ChildProcess::exit_code() {
  int status = 0;
  if (!exit_code_ && pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_)
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

void ChildProcess::terminate() {
  if (pid_ > 0 && !exit_code()) ::kill(pid_, SIGTERM);
}

int ChildProcess::join(int64_t timeout_ms) {
  const double end = monotonic_seconds() + static_cast<double>(timeout_ms) / 1e3;
  while (!exit_code() && monotonic_seconds() < end) system_clock().sleep_ms(10);
  kill();
  return *exit_code();
}

void ChildProcess::kill() {
  if (pid_ <= 0 || exit_code()) return;
  ::kill(pid_, SIGKILL);
  while (!exit_code()) system_clock().sleep_ms(1);
}

}  // namespace dunlin::cli
