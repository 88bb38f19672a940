// Ctrl-C, SIGTERM and a terminal that closes, as a stop token.
#pragma once

#include <stop_token>
#include <thread>

namespace dunlin::cli {

/// Made before any other thread: those inherit its signal mask.
class SignalStop {
 public:
  SignalStop();
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::thread waiter_;
};

/// In a child process between fork and exec: signals do what they do by default.
void restore_signals();

}  // namespace dunlin::cli
