// A tiny HTTP CONNECT proxy for tests. Every name leads to loopback, so that only the proxy can resolve it;
// and the link can be cut, or stand still, after so many bytes.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fleet/transport/dial.h"
#include "fleet/transport/listener.h"

namespace dunlin::fleet {

class TestProxy {
 public:
  TestProxy() : listener_("127.0.0.1", 0, {}) {
    listener_.start([this](FileDescriptor client) {
      const std::lock_guard lock(mutex_);
      threads_.emplace_back([this, c = std::move(client)] {
        serve(c);
        ::shutdown(c.get(), SHUT_RDWR);
      });
    });
  }
  ~TestProxy() {
    stopping_ = true;
    listener_.stop();
    for (std::thread& t : threads_) t.join();
  }

  uint16_t port() const { return listener_.port(); }
  std::string url(const std::string& credentials = "") const {
    return "http://" + (credentials.empty() ? "" : credentials + "@") + "127.0.0.1:" + std::to_string(port());
  }
  int tunnels() const { return tunnels_; }
  std::string last_request() const {
    const std::lock_guard lock(mutex_);
    return last_request_;
  }
  /// Tunnels break once this many more bytes went from device to server, or back.
  void cut_after(int64_t bytes) { bytes_left_ = bytes; }
  /// The same for one direction: devices to server, or back.
  void cut_up_after(int64_t bytes) { left_[kUp] = bytes; }
  void cut_down_after(int64_t bytes) { left_[kDown] = bytes; }
  /// Tunnels stay open, but nothing moves any more.
  void hold_up_after(int64_t bytes) {
    hold_ = true;
    left_[kUp] = bytes;
  }
  void heal() {
    bytes_left_ = left_[kUp] = left_[kDown] = INT64_MAX;
    hold_ = false;
  }
  /// Bytes that came in from devices, and from the server, so far.
  int64_t bytes_up() const { return passed_[kUp]; }
  int64_t bytes_down() const { return passed_[kDown]; }

  std::atomic<bool> refuse{false};  // answer 403 to everybody
  std::atomic<int> delay_ms{0};     // of every answer to CONNECT: a slow link

 private:
  static constexpr size_t kUp = 0, kDown = 1;

  bool is_cut() const { return bytes_left_ <= 0 || (!hold_ && (left_[kUp] <= 0 || left_[kDown] <= 0)); }

  static void nap(int fd) {
    pollfd p{fd, POLLIN, 0};
    ::poll(&p, 1, 20);
  }
  static bool send_all(int fd, const char* data, size_t size) {
    while (size > 0) {
      const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) {
        pollfd p{fd, POLLOUT, 0};
        ::poll(&p, 1, 20);
        continue;
      }
      if (n <= 0) return false;
      data += n;
      size -= static_cast<size_t>(n);
    }
    return true;
  }

  void serve(const FileDescriptor& client) {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      char c;
      const ssize_t n = ::recv(client.get(), &c, 1, 0);
      if (n == 1) {
        head += c;
      } else if (n == 0 || errno != EAGAIN || stopping_) {
        return;
      } else {
        nap(client.get());
      }
    }
    {
      const std::lock_guard lock(mutex_);
      last_request_ = head;
    }
    const std::string target = head.substr(8, head.find(' ', 8) - 8);  // after "CONNECT "
    if (refuse || is_cut()) {
      const std::string answer = "HTTP/1.1 403 Forbidden by policy\r\n\r\n";
      send_all(client.get(), answer.data(), answer.size());
      return;
    }
    FileDescriptor server;
    try {
      const auto port = static_cast<uint16_t>(std::atoi(target.substr(target.rfind(':') + 1).c_str()));
      server = connect_tcp({"127.0.0.1", port}, 2000);
    } catch (const Error&) {
      const std::string answer = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
      send_all(client.get(), answer.data(), answer.size());
      return;
    }
    ++tunnels_;
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    const std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
    if (!send_all(client.get(), answer.data(), answer.size())) return;
    const std::array<int, 2> ends{client.get(), server.get()};
    std::array<char, 16 * 1024> buffer;
    while (!stopping_) {
      std::array<pollfd, 2> polled{pollfd{ends[0], POLLIN, 0}, pollfd{ends[1], POLLIN, 0}};
      ::poll(polled.data(), 2, 50);
      for (size_t side = 0; side < 2; ++side) {
        if (!polled[side].revents) continue;
        const ssize_t n = ::recv(ends[side], buffer.data(), buffer.size(), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return;
        if (n < 0) continue;
        passed_[side] += n;
        bytes_left_ -= n;
        left_[side] -= n;
        if (is_cut()) return;
        while (hold_ && left_[side] <= 0 && !stopping_) nap(-1);
        if (!send_all(ends[1 - side], buffer.data(), static_cast<size_t>(n))) return;
      }
    }
  }

  mutable std::mutex mutex_;
  std::string last_request_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> tunnels_{0};
  std::atomic<int64_t> bytes_left_{INT64_MAX};
  std::array<std::atomic<int64_t>, 2> left_{INT64_MAX, INT64_MAX}, passed_{0, 0};
  std::atomic<bool> hold_{false};
  Listener listener_;
};

}  // namespace dunlin::fleet
