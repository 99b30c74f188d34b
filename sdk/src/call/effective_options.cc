#include "call/effective_options.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
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
constexpr std::chrono::milliseconds kLeastResolveInterval{100};
constexpr int kMostAttempts = 100;
constexpr int kMostHedges = 10;
constexpr double kLeastTokens = 0.001;
constexpr double kMostTokens = 1000;

absl::Status ValidateTimeout(std::string_view option, const std::optional<nanoseconds>& timeout) {
  if (!timeout || *timeout > nanoseconds::zero()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(View(option), " is not greater than zero"));
}

absl::Status NotBetween(std::string_view option, std::string_view bounds) {
  return absl::InvalidArgumentError(absl::StrCat(View(option), " is not between ", View(bounds)));
}

// False for what is not a number.
bool IsBetween(double value, double least, double most) {
  return value >= least && value <= most;
}

absl::Status ValidateRetryPolicy(const RetryPolicy& policy) {
  if (policy.max_attempts < 1 || policy.max_attempts > kMostAttempts) {
    return NotBetween("retry.max_attempts", "1 and 100");
  }
  if (absl::Status status = ValidateTimeout("retry.initial_backoff", policy.initial_backoff); !status.ok())
    return status;
  if (absl::Status status = ValidateTimeout("retry.max_backoff", policy.max_backoff); !status.ok())
    return status;
  if (!std::isfinite(policy.backoff_multiplier) || policy.backoff_multiplier <= 0) {
    return absl::InvalidArgumentError("retry.backoff_multiplier is not greater than zero");
  }
  for (absl::StatusCode code : policy.retryable_codes) {
    if (code == absl::StatusCode::kOk || CodeBit(code) == 0) {
      return absl::InvalidArgumentError(absl::StrCat("retry.retryable_codes has ", static_cast<int>(code),
                                                     ", which is not the code of a failure"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateHedgingPolicy(const HedgingPolicy& policy) {
  if (policy.delay < nanoseconds::zero())
    return absl::InvalidArgumentError("hedging.delay is less than zero");
  if (policy.max_hedges < 1 || policy.max_hedges > kMostHedges)
    return NotBetween("hedging.max_hedges", "1 and 10");
  if (!IsBetween(policy.max_ratio, 0, 1)) return NotBetween("hedging.max_ratio", "0 and 1");
  return absl::OkStatus();
}

absl::Status ValidateThrottling(const RetryThrottling& throttling) {
  if (!IsBetween(throttling.max_tokens, kLeastTokens, kMostTokens)) {
    return NotBetween("throttling.max_tokens", "0.001 and 1000");
  }
  if (!std::isfinite(throttling.token_ratio) || throttling.token_ratio < kLeastTokens) {
    return absl::InvalidArgumentError("throttling.token_ratio is less than 0.001");
  }
  if (throttling.min_concurrent < 0) {
    return absl::InvalidArgumentError("throttling.min_concurrent is less than zero");
  }
  if (!IsBetween(throttling.max_concurrent_ratio, 0, 1)) {
    return NotBetween("throttling.max_concurrent_ratio", "0 and 1");
  }
  return absl::OkStatus();
}

absl::Status ValidateFallback(const FallbackOptions& fallback) {
  if (fallback.capacity == 0) return absl::InvalidArgumentError("fallback.capacity is zero");
  return ValidateTimeout("fallback.stale_if_error", fallback.stale_if_error);
}

absl::Status ValidateCallOptions(const CallOptions& options) {
  if (absl::Status status = ValidateTimeout("total_timeout", options.total_timeout); !status.ok())
    return status;
  if (absl::Status status = ValidateTimeout("attempt_timeout", options.attempt_timeout); !status.ok())
    return status;
  if (absl::Status status = ValidateTimeout("stale_if_error", options.stale_if_error); !status.ok())
    return status;
  if (options.retry) {
    if (absl::Status status = ValidateRetryPolicy(*options.retry); !status.ok()) return status;
  }
  if (absl::Status status = ValidateTraceContext(options.trace_context); !status.ok()) return status;
  return options.hedging ? ValidateHedgingPolicy(*options.hedging) : absl::OkStatus();
}

// What `options` sets takes the place of what is in `out`, metadata aside.
void Apply(const CallOptions& options, EffectiveOptions* out) {
  if (options.total_timeout) out->total_timeout = *options.total_timeout;
  if (options.attempt_timeout) out->attempt_timeout = options.attempt_timeout;
  if (options.wait_for_ready) out->wait_for_ready = *options.wait_for_ready;
  if (options.retry) out->retry = Compile(*options.retry);
  if (options.hedging) out->hedging = *options.hedging;
  if (options.stale_if_error) out->stale_if_error = options.stale_if_error;
  if (!options.trace_context.traceparent.empty()) out->trace_context = options.trace_context;
}

}  // namespace

EffectiveOptions DefaultsOf(const ClientOptions& options) {
  EffectiveOptions out;
  out.stale_if_error = options.fallback.stale_if_error;
  Apply(options.call_defaults, &out);
  return out;
}

bool SetsNothing(const CallOptions& call) {
  return !call.total_timeout && !call.attempt_timeout && !call.wait_for_ready && !call.retry &&
         !call.hedging && !call.stale_if_error && call.metadata.empty() &&
         call.trace_context.traceparent.empty() && call.trace_context.tracestate.empty();
}

absl::StatusOr<EffectiveOptions> Resolve(const CallOptions& call, const EffectiveOptions& defaults) {
  if (absl::Status status = ValidateCallOptions(call); !status.ok()) return status;
  EffectiveOptions out = defaults;
  Apply(call, &out);
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

bool HasAuthorization(const Metadata& metadata) {
  return std::any_of(metadata.begin(), metadata.end(),
                     [](const auto& entry) { return entry.first == "authorization"; });
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
  if (options.resolve_interval < kLeastResolveInterval || options.resolve_interval > kMostMilliseconds) {
    return absl::InvalidArgumentError("resolve_interval is less than 100 ms or more than 24 days");
  }
  if (!IsBetween(options.breaker.open_timeout_jitter, 0, 1)) {
    return NotBetween("breaker.open_timeout_jitter", "0 and 1");
  }
  if (absl::Status status = ValidateThrottling(options.throttling); !status.ok()) return status;
  if (absl::Status status = ValidateFallback(options.fallback); !status.ok()) return status;
  return ValidateCallOptions(options.call_defaults);
}

}  // namespace dispatchctl::internal
