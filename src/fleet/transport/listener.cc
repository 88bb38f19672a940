#include "fleet/transport/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace dunlin::fleet {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype([](addrinfo* p) { freeaddrinfo(p); })>;

[[noreturn]] void fail_listen(const std::string& address, uint16_t port, const char* reason) {
  fail(ErrorCode::kUnavailable, "{}:{}: cannot listen: {}", address, port, reason);
}

AddressList resolve_local(const std::string& address, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string bare =
      address.starts_with('[') && address.ends_with(']') ? address.substr(1, address.size() - 2) : address;
  const int error = getaddrinfo(bare.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) fail_listen(address, port, gai_strerror(error));
  return AddressList(found);
}

std::string peer_address(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = peer.ss_family == AF_INET6
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(peer).sin_addr);
  inet_ntop(peer.ss_family, address, text.data(), text.size());
  return text.data();
}

bool watch(int poll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}
int FileDescriptor::release() { return std::exchange(fd_, -1); }

Listener::Listener(const std::string& address, uint16_t port, const ConnectionLimits& limits)
    : limits_(limits) {
  const AddressList where = resolve_local(address, port);
  socket_ = FileDescriptor(::socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket_.get() < 0) fail_listen(address, port, std::strerror(errno));
  const int yes = 1;
  // A coordinator that restarts gets its port back at once.
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // connections inherit it
  if (::bind(socket_.get(), where->ai_addr, where->ai_addrlen) != 0 || ::listen(socket_.get(), 1024) != 0)
    fail_listen(address, port, std::strerror(errno));
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                            : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  poll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (poll_.get() < 0 || wake_.get() < 0 || !watch(poll_.get(), socket_.get(), EPOLLIN) ||
      !watch(poll_.get(), wake_.get(), EPOLLIN))
    fail_listen(address, port, std::strerror(errno));
}

Listener::~Listener() { stop(); }

void Listener::start(Handler handler) {
  handler_ = std::move(handler);
  thread_ = std::thread([this] { serve(); });
}

void Listener::stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
  socket_ = FileDescriptor();
  watched_.clear();
}

void Listener::serve() {
  std::array<epoll_event, 64> events;
  for (;;) {
    const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) return;
      if (fd == socket_.get()) {
        accept_all();
      } else if (const auto it = watched_.find(fd); it != watched_.end()) {
        // Explicitly: while gRPC still holds the connection, closing our descriptor would not end the watch.
        epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        if (--by_address_[it->second.address] == 0) by_address_.erase(it->second.address);
        watched_.erase(it);
        --open_;
      }
    }
  }
}

void Listener::accept_all() {
  for (;;) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    FileDescriptor connection(
        ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.get() < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      // Out of descriptors: the connection waits in the backlog, and a busy loop would help nobody.
      spdlog::error("accepting a connection: {}", std::strerror(errno));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      return;
    }
    const std::string address = peer_address(peer);
    const auto known = by_address_.find(address);
    const int64_t from_there = known == by_address_.end() ? 0 : known->second;
    if (open_ >= limits_.max_connections || from_there >= limits_.max_connections_per_address) {
      spdlog::warn("refusing a connection from {}: {} open, {} from there", address, open_.load(),
                   from_there);
      continue;
    }
    FileDescriptor twin(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
    // No events asked for: only a shutdown by gRPC, or a connection that broke, is reported.
    if (twin.get() < 0 || !watch(poll_.get(), twin.get(), 0)) {
      spdlog::error("watching a connection: {}", std::strerror(errno));
      continue;
    }
    by_address_[address] = from_there + 1;
    ++open_;
    const int key = twin.get();
    watched_.emplace(key, Watched{std::move(twin), address});
    handler_(std::move(connection));
  }
}

}  // namespace dunlin::fleet
