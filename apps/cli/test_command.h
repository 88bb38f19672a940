// For tests: the command as its users start it, a process of its own.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

namespace dunlin::cli {

struct Outcome {
  int exit_code;  ///< 128 + the signal's number when one ended it
  std::string out, err;
};

inline std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] inline void become_command(const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>("dunlin")};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  ::execv(DUNLIN_COMMAND, argv.data());
  ::_exit(127);
}

/// stdout and stderr go to these files.
inline pid_t start_command(const std::vector<std::string>& arguments, const std::string& out,
                           const std::string& err) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
    become_command(arguments);
  }
  return pid;
}

/// Its exit code, as in Outcome.
inline int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace dunlin::cli
