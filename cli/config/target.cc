#include "config/target.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace dispatchctl::cli {
namespace {

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::string_view HostOf(std::string_view address) {
  if (StartsWith(address, "[")) {
    const std::size_t end = address.find(']');
    return address.substr(1, end == std::string_view::npos ? end : end - 1);
  }
  const std::size_t colon = address.rfind(':');
  // More than one colon without brackets is an IPv6 address without a port.
  if (colon == std::string_view::npos || address.find(':') != colon) return address;
  return address.substr(0, colon);
}

bool IsLoopbackHost(std::string_view host) {
  std::string lower(host);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "localhost" || lower == "localhost." || lower == "::1" || lower == "ip6-localhost")
    return true;
  return StartsWith(lower, "127.") &&
         std::all_of(lower.begin(), lower.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

}  // namespace

bool IsLocalTarget(std::string_view target) {
  if (StartsWith(target, "unix:") || StartsWith(target, "unix-abstract:")) return true;
  for (const std::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (!StartsWith(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    if (StartsWith(target, "//")) {
      // dns://authority/name: the part before the slash is the name server.
      const std::size_t slash = target.find('/', 2);
      target.remove_prefix(slash == std::string_view::npos ? 2 : slash + 1);
    }
    break;
  }
  if (target.empty() || target.find("://") != std::string_view::npos) return false;
  while (!target.empty()) {
    const std::size_t comma = target.find(',');
    if (!IsLoopbackHost(HostOf(target.substr(0, comma)))) return false;
    target.remove_prefix(comma == std::string_view::npos ? target.size() : comma + 1);
  }
  return true;
}

}  // namespace dispatchctl::cli
