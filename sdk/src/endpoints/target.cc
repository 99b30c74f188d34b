#include "endpoints/target.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <arpa/inet.h>

#include <optional>
#include <utility>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

// Where a unix socket's server looks for its own name, as other gRPC implementations send it.
constexpr char kUnixAuthority[] = "localhost";

bool IsIpv6Literal(std::string_view host) {
  in6_addr parsed;
  return inet_pton(AF_INET6, std::string(host).c_str(), &parsed) == 1;
}

bool IsIpv4Literal(std::string_view host) {
  in_addr parsed;
  return inet_pton(AF_INET, std::string(host).c_str(), &parsed) == 1;
}

bool IsLoopback(std::string_view host) {
  if (IsIpv4Literal(host)) return host.substr(0, 4) == "127.";
  if (IsIpv6Literal(host)) return host == "::1";
  return absl::EqualsIgnoreCase(View(host), "localhost");
}

// Of a URI's path: everything but what RFC 3986 calls unreserved, and '/'.
std::string PercentEncode(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~' ||
        c == '/') {
      out.push_back(c);
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Target> Parse() {
    absl::string_view rest = View(text_);
    if (rest.empty()) return absl::InvalidArgumentError("target is empty; write host:port");
    for (char c : text_) {
      if (absl::ascii_isspace(static_cast<unsigned char>(c)) ||
          absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
        return Error("has white space or control characters");
      }
    }
    if (absl::ConsumePrefix(&rest, "unix:")) return Unix(View(rest));
    if (absl::ConsumePrefix(&rest, "ipv4:")) return List(View(rest), Form::kIpv4);
    if (absl::ConsumePrefix(&rest, "ipv6:")) return List(View(rest), Form::kIpv6);
    if (absl::ConsumePrefix(&rest, "dns:")) return Dns(View(rest));
    if (absl::StrContains(rest, "://") || absl::StartsWith(rest, "unix-abstract:")) return Core();
    return List(View(rest), Form::kHosts);
  }

 private:
  enum class Form { kHosts, kIpv4, kIpv6 };

  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("target ", Quoted(text_), " ", View(what)));
  }

  absl::StatusOr<Target> Unix(std::string_view path) {
    if (path.substr(0, 3) == "///") path.remove_prefix(2);
    if (path.empty()) return Error("names no socket; write unix:PATH");
    Target target;
    target.local = true;
    target.addresses.push_back(
        {{absl::StrCat("unix:", PercentEncode(path)), absl::StrCat("unix:", View(path))}, kUnixAuthority});
    return target;
  }

  absl::StatusOr<Target> Dns(std::string_view rest) {
    if (rest.substr(0, 2) == "//") {
      const std::size_t slash = rest.find('/', 2);
      if (slash == std::string_view::npos) return Error("names no host; write dns:///host:port");
      if (slash != 2) return Error("names a DNS server, which is not supported; write dns:///host:port");
      rest.remove_prefix(3);
    }
    return List(rest, Form::kHosts);
  }

  absl::StatusOr<Target> Core() const {
    Target target;
    target.local = absl::StartsWith(View(text_), "unix-abstract:");
    target.addresses.push_back(
        {{std::string(text_), std::string(text_)}, target.local ? kUnixAuthority : XdsAuthority()});
    return target;
  }

  // Core's own choice, which it would otherwise change along with the name that TLS verifies: a control
  // plane's routes are found by it. Empty for other schemes.
  std::string XdsAuthority() const {
    absl::string_view rest = View(text_);
    if (!absl::ConsumePrefix(&rest, "xds://")) return {};
    const std::size_t slash = rest.find('/');
    return slash == absl::string_view::npos ? std::string() : std::string(rest.substr(slash + 1));
  }

  absl::StatusOr<Target> List(std::string_view list, Form form) {
    Target target;
    target.local = true;
    for (absl::string_view item : absl::StrSplit(View(list), ',')) {
      absl::StatusOr<HostAndPort> parsed = Item(View(item));
      if (!parsed.ok()) return parsed.status();
      const std::string& host = parsed->host;
      if (form == Form::kIpv4 && !IsIpv4Literal(host)) return Error("has a host that is no IPv4 address");
      if (form == Form::kIpv6 && !IsIpv6Literal(host)) return Error("has a host that is no IPv6 address");
      target.local = target.local && IsLoopback(host);
      if (IsIpLiteral(host)) {
        Address address = MakeIpAddress(host, parsed->port);
        std::string authority = address.name;
        target.addresses.push_back({std::move(address), std::move(authority)});
      } else {
        target.names.push_back(*std::move(parsed));
      }
    }
    return target;
  }

  absl::StatusOr<HostAndPort> Item(std::string_view item) const {
    std::string_view host;
    std::string_view port;
    if (!item.empty() && item.front() == '[') {
      const std::size_t bracket = item.find(']');
      if (bracket == std::string_view::npos) return Error("has '[' without ']'");
      host = item.substr(1, bracket - 1);
      if (!IsIpv6Literal(host)) return Error("has no IPv6 address between '[' and ']'");
      if (item.substr(bracket + 1, 1) != ":") return Error("has no port; write [address]:port");
      port = item.substr(bracket + 2);
    } else if (IsIpv6Literal(item)) {
      return Error("has an IPv6 address without brackets; write [address]:port");
    } else {
      const std::size_t colon = item.rfind(':');
      if (colon == std::string_view::npos) return Error("has no port; write host:port");
      host = item.substr(0, colon);
      port = item.substr(colon + 1);
      if (host.empty()) return Error("has no host; write host:port");
      for (char c : host) {
        if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.' && c != '_') {
          return Error("has a host with characters that no host name has");
        }
      }
    }
    std::uint32_t number = 0;
    if (port.empty() || port.size() > 5 || !absl::SimpleAtoi(View(port), &number) || number == 0 ||
        number > 65535) {
      return Error("has a port that is not a number from 1 to 65535");
    }
    return HostAndPort{std::string(host), static_cast<std::uint16_t>(number)};
  }

  const std::string_view text_;
};

}  // namespace

bool IsIpLiteral(std::string_view host) {
  return IsIpv4Literal(host) || IsIpv6Literal(host);
}

Address MakeIpAddress(std::string_view host, std::uint16_t port) {
  if (IsIpv6Literal(host)) {
    // gRPC's URI parser takes brackets only in percent-encoded form.
    return {absl::StrCat("ipv6:%5B", View(host), "%5D:", port), absl::StrCat("[", View(host), "]:", port)};
  }
  return {absl::StrCat("ipv4:", View(host), ":", port), absl::StrCat(View(host), ":", port)};
}

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  return Parser(text).Parse();
}

}  // namespace dispatchctl::internal
