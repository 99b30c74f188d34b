#include "dispatchctl/validation.h"

#include <absl/strings/str_cat.h>

#include <cstdint>
#include <cstring>

#include "contract/text.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

bool IsKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool IsReservedKey(std::string_view key) {
  constexpr std::string_view kReserved[] = {"content-type", "te", "user-agent", "host", "connection"};
  for (std::string_view reserved : kReserved) {
    if (key == reserved) return true;
  }
  return key.substr(0, 5) == "grpc-";
}

bool IsContinuation(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

// Length of the well-formed multi-byte sequence at `at`, 0 when there is none (RFC 3629, table in section 4).
std::size_t SequenceLength(const unsigned char* at, std::size_t left) {
  const unsigned char lead = at[0];
  if (lead >= 0xC2 && lead <= 0xDF) return left >= 2 && IsContinuation(at[1]) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (left < 3 || !IsContinuation(at[1]) || !IsContinuation(at[2])) return 0;
    if (lead == 0xE0 && at[1] < 0xA0) return 0;
    if (lead == 0xED && at[1] > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (left < 4 || !IsContinuation(at[1]) || !IsContinuation(at[2]) || !IsContinuation(at[3])) return 0;
    if (lead == 0xF0 && at[1] < 0x90) return 0;
    if (lead == 0xF4 && at[1] > 0x8F) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

std::size_t FindInvalidUtf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const unsigned char* const end = at + text.size();
  while (at != end) {
    if (end - at >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof(word));
      if ((word & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    if (*at < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = SequenceLength(at, static_cast<std::size_t>(end - at));
    if (length == 0) {
      return static_cast<std::size_t>(at - reinterpret_cast<const unsigned char*>(text.data()));
    }
    at += length;
  }
  return std::string_view::npos;
}

absl::StatusOr<std::pair<std::string, std::string>> NormalizeMetadataEntry(std::string_view key,
                                                                           std::string_view value) {
  if (key.empty()) return absl::InvalidArgumentError("metadata key is empty");
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!IsKeyCharacter(c)) {
      return absl::InvalidArgumentError(absl::StrCat("metadata key ", internal::Quoted(key),
                                                     " has a character outside a-z, 0-9, '-', '_' and '.'"));
    }
  }
  if (IsReservedKey(lower)) {
    return absl::InvalidArgumentError(
        absl::StrCat("metadata key ", internal::Quoted(key), " is reserved by gRPC; choose another name"));
  }
  const bool binary = lower.size() >= 4 && lower.compare(lower.size() - 4, 4, "-bin") == 0;
  if (!binary) {
    for (char c : value) {
      if (c < 0x20 || c > 0x7E) {
        return absl::InvalidArgumentError(
            absl::StrCat("value of metadata key ", internal::Quoted(key),
                         " is not printable ASCII; a key that ends in \"-bin\" takes any bytes"));
      }
    }
  }
  return std::make_pair(std::move(lower), std::string(value));
}

absl::Status ValidateId(std::string_view field, std::string_view id) {
  if (id.empty()) return absl::InvalidArgumentError(absl::StrCat(internal::View(field), " is empty"));
  if (id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(internal::View(field), " has ", id.size(), " bytes, more than ", kMaxIdBytes));
  }
  if (!IsValidUtf8(id)) {
    return absl::InvalidArgumentError(absl::StrCat(internal::View(field), " is not valid UTF-8"));
  }
  return absl::OkStatus();
}

absl::Status ValidateUpdate(const AssignmentUpdate& update) {
  if (absl::Status status = ValidateId("assignment_id", update.assignment_id); !status.ok()) return status;
  if (absl::Status status = ValidateId("courier_id", update.courier_id); !status.ok()) return status;
  if (update.destination_zone.empty()) return absl::OkStatus();
  return ValidateId("destination_zone", update.destination_zone);
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
