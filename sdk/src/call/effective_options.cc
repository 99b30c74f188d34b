#include "call/effective_options.h"

#include <absl/strings/str_cat.h>

#include <limits>
#include <string_view>
#include <utility>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds kLeastConnectTimeout{100};
// Servers answer more frequent pings with GOAWAY (gRFC A8).
constexpr std::chrono::seconds kLeastKeepaliveTime{10};
// gRPC takes these as a 32-bit number of milliseconds.
constexpr std::chrono::milliseconds kMostMilliseconds{std::numeric_limits<int>::max()};

absl::Status ValidateTimeout(std::string_view option, const std::optional<nanoseconds>& timeout) {
  if (!timeout || *timeout > nanoseconds::zero()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(View(option), " is not greater than zero"));
}

absl::Status ValidateCallOptions(const CallOptions& options) {
  if (absl::Status status = ValidateTimeout("total_timeout", options.total_timeout); !status.ok())
    return status;
  return ValidateTimeout("attempt_timeout", options.attempt_timeout);
}

}  // namespace

absl::StatusOr<EffectiveOptions> Resolve(const CallOptions& call, const CallOptions& defaults) {
  if (absl::Status status = ValidateCallOptions(call); !status.ok()) return status;
  EffectiveOptions out;
  out.total_timeout = call.total_timeout.value_or(defaults.total_timeout.value_or(kDefaultTotalTimeout));
  out.attempt_timeout = call.attempt_timeout ? call.attempt_timeout : defaults.attempt_timeout;
  out.wait_for_ready = call.wait_for_ready.value_or(defaults.wait_for_ready.value_or(false));
  if (const auto& retry = call.retry ? call.retry : defaults.retry) out.retry = Compile(*retry);
  if (const auto& hedging = call.hedging ? call.hedging : defaults.hedging) out.hedging = *hedging;
  out.stale_if_error = call.stale_if_error ? call.stale_if_error : defaults.stale_if_error;
  if (call.metadata.empty()) return out;
  absl::StatusOr<Metadata> metadata = NormalizeMetadata(call.metadata);
  if (!metadata.ok()) return metadata.status();
  out.metadata = *std::move(metadata);
  return out;
}

absl::StatusOr<Metadata> NormalizeMetadata(const Metadata& metadata) {
  Metadata out;
  out.reserve(metadata.size());
  for (const auto& [key, value] : metadata) {
    auto entry = NormalizeMetadataEntry(key, value);
    if (!entry.ok()) return entry.status();
    out.push_back(*std::move(entry));
  }
  return out;
}

absl::Status ValidateClientOptions(const ClientOptions& options) {
  if (options.connect_timeout < kLeastConnectTimeout || options.connect_timeout > kMostMilliseconds) {
    return absl::InvalidArgumentError("connect_timeout is less than 100 ms or more than 24 days");
  }
  if (options.keepalive_time &&
      (*options.keepalive_time < kLeastKeepaliveTime || *options.keepalive_time > kMostMilliseconds)) {
    return absl::InvalidArgumentError("keepalive_time is less than 10 s or more than 24 days");
  }
  if (options.max_receive_bytes == 0 ||
      options.max_receive_bytes > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return absl::InvalidArgumentError("max_receive_bytes is not between 1 and 2147483647");
  }
  if (options.tls.certificate_file.empty() != options.tls.private_key_file.empty()) {
    return absl::InvalidArgumentError("tls.certificate_file and tls.private_key_file go together");
  }
  for (char c : options.user_agent) {
    if (c < 0x20 || c > 0x7E) return absl::InvalidArgumentError("user_agent is not printable ASCII");
  }
  for (char c : options.authority) {
    if (c <= 0x20 || c > 0x7E) return absl::InvalidArgumentError("authority is not printable ASCII");
  }
  return ValidateCallOptions(options.call_defaults);
}

}  // namespace dispatchctl::internal
