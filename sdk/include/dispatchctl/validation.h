#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatchctl/assignment.h"
#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// Longest courier or assignment id, in bytes.
inline constexpr std::size_t kMaxIdBytes = 1024;

/// Request metadata, sent with every attempt. Keys may repeat; order is kept.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// Checks one metadata entry by HTTP/2's and gRPC's rules and returns it in wire form, the key in lower case.
///
/// gRPC itself aborts the process on an illegal entry, so nothing reaches it unchecked.
/// Errors: INVALID_ARGUMENT when the key is empty, has characters outside [a-z0-9-_.], is reserved by gRPC or
/// HTTP/2 ("grpc-" prefix, content-type, te, user-agent, host, connection), or when the value of a key that
/// does not end in "-bin" is not printable ASCII. The value never stands in the message: it may be a secret.
DISPATCHCTL_EXPORT absl::StatusOr<std::pair<std::string, std::string>> NormalizeMetadataEntry(
    std::string_view key, std::string_view value);

/// Checks a courier or assignment id: non-empty, at most kMaxIdBytes bytes, valid UTF-8.
/// Errors: INVALID_ARGUMENT naming `field` and the rule.
DISPATCHCTL_EXPORT absl::Status ValidateId(std::string_view field, std::string_view id);

/// Checks every field of an update as the contract wants it. Errors: INVALID_ARGUMENT naming the field.
DISPATCHCTL_EXPORT absl::Status ValidateUpdate(const AssignmentUpdate& update);

/// Offset of the first byte that is not part of well-formed UTF-8 (RFC 3629: no surrogates, no overlong
/// forms); std::string_view::npos when there is none.
DISPATCHCTL_EXPORT std::size_t FindInvalidUtf8(std::string_view text);

/// True when `text` is well-formed UTF-8.
inline bool IsValidUtf8(std::string_view text) {
  return FindInvalidUtf8(text) == std::string_view::npos;
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
