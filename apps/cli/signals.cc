#include "signals.h"

#include <pthread.h>
#include <signal.h>

namespace dunlin::cli {

namespace {
// SIGUSR1 ends the waiting thread itself. A signal that the caller ignores (nohup) stays ignored.
sigset_t waited_for() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  for (int s : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(s, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, s);
  }
  return set;
}
}  // namespace

SignalStop::SignalStop() {
  const sigset_t set = waited_for();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  waiter_ = std::thread([this, set] {
    int number = 0;
    while (sigwait(&set, &number) == 0 && number != SIGUSR1) source_.request_stop();
  });
}

SignalStop::~SignalStop() {
  pthread_kill(waiter_.native_handle(), SIGUSR1);
  waiter_.join();
}

void restore_signals() {
  const sigset_t set = waited_for();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace dunlin::cli
