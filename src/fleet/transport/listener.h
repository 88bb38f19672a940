// Accepts connections for a gRPC server, which itself knows no cap on them.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace dunlin::fleet {

/// Closes a file descriptor. Moves, never copies.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return fd_; }
  int release();

 private:
  int fd_;
};

struct ConnectionLimits {
  int64_t max_connections = 20'000;
  int64_t max_connections_per_address = 1'000;
};

class Listener {
 public:
  using Handler = std::function<void(FileDescriptor connection)>;

  /// Binds `address` (an IP address or a name such as localhost) and `port`; 0 is any free one. kUnavailable
  /// with the system's reason when the port is occupied or the address is not this machine's.
  Listener(const std::string& address, uint16_t port, const ConnectionLimits& limits);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return port_; }
  /// Begins to accept, on a thread of its own: `handler` gets every connection within the limits; the rest is
  /// closed.
  void start(Handler handler);
  /// Accepts no more; connections already handed out live on.
  void stop();
  int64_t open_connections() const { return open_; }

 private:
  void serve();
  void accept_all();

  ConnectionLimits limits_;
  uint16_t port_ = 0;
  FileDescriptor socket_, poll_, wake_;
  Handler handler_;
  std::thread thread_;
  std::atomic<int64_t> open_{0};
  struct Watched {
    FileDescriptor connection;  // a second descriptor of a connection, which tells us when gRPC has closed it
    std::string address;
  };
  std::map<int, Watched> watched_;             // by descriptor; only the thread touches it
  std::map<std::string, int64_t> by_address_;  // only the thread touches it
};

}  // namespace dunlin::fleet
