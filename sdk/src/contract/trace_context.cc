#include "dispatchctl/trace_context.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "contract/text.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

// Of version 00: version, trace id, parent id, flags, and the dashes between them.
constexpr std::size_t kTraceparentLength = 55;
constexpr std::size_t kMostMembers = 32;
constexpr std::size_t kMostKeyLength = 256;
constexpr std::size_t kMostTenantLength = 241;
constexpr std::size_t kMostSystemLength = 14;
constexpr std::size_t kMostValueLength = 256;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// gRPC ends the process over metadata that is anything else.
bool IsPrintable(char c) {
  return c >= 0x20 && c <= 0x7E;
}

bool IsTraceparent(std::string_view text) {
  if (text.size() < kTraceparentLength || !std::all_of(text.begin(), text.end(), IsPrintable)) return false;
  const std::string_view version = text.substr(0, 2);
  // A later version may have more to say, after another dash.
  if (!IsHex(version) || version == "ff") return false;
  if (text.size() > kTraceparentLength && (version == "00" || text[kTraceparentLength] != '-')) return false;
  return text[2] == '-' && IsId(text.substr(3, 32)) && text[35] == '-' && IsId(text.substr(36, 16)) &&
         text[52] == '-' && IsHex(text.substr(53, 2));
}

bool IsKeyPart(std::string_view part, std::size_t most, bool digit_first) {
  if (part.empty() || part.size() > most) return false;
  if (!IsLower(part[0]) && !(digit_first && IsDigit(part[0]))) return false;
  return std::all_of(part.begin(), part.end(), [](char c) {
    return IsLower(c) || IsDigit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

bool IsKey(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return IsKeyPart(key, kMostKeyLength, /*digit_first=*/false);
  return IsKeyPart(key.substr(0, at), kMostTenantLength, /*digit_first=*/true) &&
         IsKeyPart(key.substr(at + 1), kMostSystemLength, /*digit_first=*/false);
}

bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMostValueLength || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return IsPrintable(c) && c != ',' && c != '='; });
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

absl::Status InvalidHeader(std::string_view header, std::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(internal::View(header), internal::View(rule)));
}

absl::Status ValidateTracestate(std::string_view text) {
  std::vector<std::string_view> keys;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view member = Trimmed(text.substr(0, comma));
    if (!member.empty()) {
      const std::size_t equals = member.find('=');
      if (equals == std::string_view::npos || !IsKey(member.substr(0, equals)) ||
          !IsValue(member.substr(equals + 1))) {
        return InvalidHeader("tracestate", " has a member that is not key=value by W3C Trace Context");
      }
      if (std::find(keys.begin(), keys.end(), member.substr(0, equals)) != keys.end()) {
        return InvalidHeader("tracestate", " has a key twice");
      }
      keys.push_back(member.substr(0, equals));
      if (keys.size() > kMostMembers) return InvalidHeader("tracestate", " has more than 32 members");
    }
    if (comma == std::string_view::npos) return absl::OkStatus();
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

absl::Status ValidateTraceContext(const TraceContext& context) {
  if (context.traceparent.empty()) {
    return context.tracestate.empty() ? absl::OkStatus()
                                      : InvalidHeader("tracestate", " is set without traceparent");
  }
  if (!IsTraceparent(context.traceparent)) {
    return InvalidHeader(
        "traceparent",
        " is not version-traceid-parentid-flags in lower-case hexadecimal by W3C Trace Context");
  }
  return ValidateTracestate(context.tracestate);
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
