#include "fleet/transport/proxy.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "fleet/identity/authority.h"

namespace dunlin::fleet {

namespace {

constexpr uint16_t kDefaultProxyPort = 3128;

std::string environment(const char* lower, const char* upper) {
  const char* value = std::getenv(lower);
  if (!value || !*value) value = std::getenv(upper);
  return value ? value : "";
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

// "example.com" and ".example.com" cover the name and everything below it.
bool excepts(std::string_view list, const std::string& host) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find_first_of(", "), list.size());
    std::string entry = lower_case(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (entry == "*") return true;
    if (entry.starts_with("*.")) entry.erase(0, 1);
    if (entry.empty()) continue;
    const std::string domain = entry.front() == '.' ? entry : "." + entry;
    if (host == domain.substr(1) || host.ends_with(domain)) return true;
  }
  return false;
}

[[noreturn]] void fail_proxy() {
  // The value may hold a password: it is not repeated.
  fail(ErrorCode::kInvalidArgument, "https_proxy: http://[USER:PASSWORD@]HOST[:PORT] is expected");
}

}  // namespace

std::string to_text(const HostPort& target) {
  return target.host.find(':') == std::string::npos ? fmt::format("{}:{}", target.host, target.port)
                                                    : fmt::format("[{}]:{}", target.host, target.port);
}

ProxySettings ProxySettings::from_environment() {
  return {environment("https_proxy", "HTTPS_PROXY"), environment("no_proxy", "NO_PROXY")};
}

std::optional<Proxy> proxy_for(const std::string& host, const ProxySettings& settings) {
  const std::string name = lower_case(host);
  if (settings.https_proxy.empty() || is_loopback(name) || excepts(settings.no_proxy, name))
    return std::nullopt;

  std::string_view text = settings.https_proxy;
  if (const size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    if (lower_case(text.substr(0, scheme)) != "http") fail_proxy();
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  Proxy proxy;
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    proxy.credentials = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  proxy.address.port = kDefaultProxyPort;
  size_t end = text.size();
  if (const size_t colon = text.rfind(':');
      colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos) {
    const char* last = text.data() + text.size();
    const auto [p, error] = std::from_chars(text.data() + colon + 1, last, proxy.address.port);
    if (error != std::errc() || p != last || proxy.address.port == 0) fail_proxy();
    end = colon;
  }
  text = text.substr(0, end);
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  proxy.address.host = text;
  try {
    check_host_name(proxy.address.host);
  } catch (const Error&) {
    fail_proxy();
  }
  return proxy;
}

}  // namespace dunlin::fleet
