#include "fleet/transport/dial.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "base/clock.h"

namespace dunlin::fleet {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype([](addrinfo* p) { freeaddrinfo(p); })>;
using ContextPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;

constexpr size_t kMaxProxyAnswerBytes = 16 * 1024;

// Sockets know only real time, so that is the clock here.
class Deadline {
 public:
  explicit Deadline(int64_t timeout_ms) : end_ms_(system_clock().monotonic_ms() + timeout_ms) {}
  /// Waits for POLLIN or POLLOUT; false when time is up.
  bool wait(int fd, short events) const {
    for (;;) {
      const int64_t left_ms = std::max<int64_t>(0, end_ms_ - system_clock().monotonic_ms());
      pollfd watched{fd, events, 0};
      const int result = ::poll(&watched, 1, static_cast<int>(left_ms));
      if (result > 0) return true;
      if (result == 0 || errno != EINTR) return false;
    }
  }

 private:
  int64_t end_ms_;
};

AddressList addresses_of(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) fail(ErrorCode::kUnavailable, "name {}: {}", host, gai_strerror(error));
  return AddressList(found);
}

// Zero, or the system's error.
int try_connect(const addrinfo& address, const Deadline& deadline, FileDescriptor& out) {
  FileDescriptor fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno;
    if (!deadline.wait(fd.get(), POLLOUT)) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return error;
  }
  out = std::move(fd);
  return 0;
}

void send_all(int fd, std::span<const char> data, const Deadline& deadline, const std::string& what) {
  while (!data.empty()) {
    const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n > 0)
      data = data.subspan(static_cast<size_t>(n));
    else if (errno != EAGAIN && errno != EINTR)
      fail(ErrorCode::kUnavailable, "{}: {}", what, std::strerror(errno));
    else if (!deadline.wait(fd, POLLOUT))
      fail(ErrorCode::kUnavailable, "{}: no answer in time", what);
  }
}

// At least one byte, or an error.
size_t receive(int fd, std::span<char> out, const Deadline& deadline, const std::string& what) {
  for (;;) {
    const ssize_t n = ::recv(fd, out.data(), out.size(), 0);
    if (n > 0) return static_cast<size_t>(n);
    if (n == 0) fail(ErrorCode::kUnavailable, "{}: the other side hung up", what);
    if (errno != EAGAIN && errno != EINTR)
      fail(ErrorCode::kUnavailable, "{}: {}", what, std::strerror(errno));
    if (!deadline.wait(fd, POLLIN)) fail(ErrorCode::kUnavailable, "{}: no answer in time", what);
  }
}

std::string to_base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

}  // namespace

std::vector<std::string> resolve_host(const std::string& host) {
  std::vector<std::string> out;
  const AddressList list = addresses_of(host, 0);
  for (const addrinfo* a = list.get(); a; a = a->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(a->ai_addr, a->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      out.emplace_back(text.data());
  }
  return out;
}

FileDescriptor connect_tcp(const HostPort& target, int64_t timeout_ms) {
  const AddressList list = addresses_of(target.host, target.port);
  int64_t count = 0;
  for (const addrinfo* a = list.get(); a; a = a->ai_next) ++count;
  FileDescriptor connection;
  int error = 0;
  for (const addrinfo* a = list.get(); a; a = a->ai_next) {
    // Each its share of the time: behind an address that swallows packets there may be one that answers.
    error = try_connect(*a, Deadline(timeout_ms / count), connection);
    if (error == 0) return connection;
  }
  fail(ErrorCode::kUnavailable, "{}: cannot connect: {}", to_text(target), std::strerror(error));
}

void open_tunnel(const FileDescriptor& connection, const Proxy& proxy, const HostPort& target,
                 int64_t timeout_ms) {
  const Deadline deadline(timeout_ms);
  const std::string where = to_text(target);
  std::string request = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", where, where);
  if (!proxy.credentials.empty())
    request += fmt::format("Proxy-Authorization: Basic {}\r\n", to_base64(proxy.credentials));
  request += "\r\n";
  const std::string what = fmt::format("proxy {}: tunnel to {}", to_text(proxy.address), where);
  send_all(connection.get(), request, deadline, what);
  // Byte by byte: what follows the empty line already belongs to the server behind the proxy.
  std::string answer;
  while (!answer.ends_with("\r\n\r\n")) {
    char c = 0;
    receive(connection.get(), {&c, 1}, deadline, what);
    answer += c;
    if (answer.size() > kMaxProxyAnswerBytes)
      fail(ErrorCode::kUnavailable, "{}: its answer has no end", what);
  }
  const std::string status = answer.substr(0, answer.find("\r\n"));
  if (!status.starts_with("HTTP/1.") || status.size() < 12 || status[9] != '2')
    fail(ErrorCode::kUnavailable, "{}: refused: {}", what, status);
}

FileDescriptor dial(const HostPort& target, const std::optional<Proxy>& proxy, int64_t timeout_ms) {
  FileDescriptor connection = connect_tcp(proxy ? proxy->address : target, timeout_ms);
  if (proxy) open_tunnel(connection, *proxy, target, timeout_ms);
  return connection;
}

std::vector<Certificate> presented_certificates(const FileDescriptor& connection, const std::string& host,
                                                int64_t timeout_ms) {
  const ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) fail_openssl(ErrorCode::kInternal, "TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // the caller judges what comes back
  const SslPtr ssl(SSL_new(context.get()));
  constexpr unsigned char kAlpn[] = {2, 'h', '2'};
  // Through memory, not the socket itself: OpenSSL's own writes would raise SIGPIPE in whoever links us.
  BIO* incoming = BIO_new(BIO_s_mem());
  BIO* outgoing = BIO_new(BIO_s_mem());
  if (!ssl || !incoming || !outgoing || SSL_set_alpn_protos(ssl.get(), kAlpn, sizeof kAlpn) != 0 ||
      SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1)
    fail_openssl(ErrorCode::kInternal, "TLS");
  SSL_set_bio(ssl.get(), incoming, outgoing);  // which owns them now
  const Deadline deadline(timeout_ms);
  const std::string what = fmt::format("{}: TLS 1.3 handshake", host);
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(ssl.get());
    const int reason = SSL_get_error(ssl.get(), result);
    for (int n; (n = BIO_read(outgoing, buffer.data(), static_cast<int>(buffer.size()))) > 0;)
      send_all(connection.get(), {buffer.data(), static_cast<size_t>(n)}, deadline, what);
    if (result == 1) break;
    if (reason != SSL_ERROR_WANT_READ) fail_openssl(ErrorCode::kPermissionDenied, what);
    const size_t n = receive(connection.get(), buffer, deadline, what);
    if (BIO_write(incoming, buffer.data(), static_cast<int>(n)) != static_cast<int>(n))
      fail_openssl(ErrorCode::kInternal, "TLS");
  }
  std::vector<Certificate> out;
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl.get());
  for (int i = 0; chain && i < sk_X509_num(chain); ++i) {
    X509* certificate = sk_X509_value(chain, i);
    X509_up_ref(certificate);
    out.emplace_back(X509Ptr(certificate));
  }
  return out;
}

}  // namespace dunlin::fleet
