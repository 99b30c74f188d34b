#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <optional>

#include "call/retry_policy.h"
#include "dispatchctl/call_options.h"
#include "dispatchctl/client_options.h"
#include "dispatchctl/hedging.h"
#include "dispatchctl/validation.h"

namespace dispatchctl::internal {

// Built-in bound of a whole lookup.
inline constexpr std::chrono::seconds kDefaultTotalTimeout{10};

// What a call's own options and the client's defaults come to.
struct EffectiveOptions {
  std::chrono::nanoseconds total_timeout{kDefaultTotalTimeout};
  std::optional<std::chrono::nanoseconds> attempt_timeout;
  bool wait_for_ready = false;
  CallRetryPolicy retry;
  HedgingPolicy hedging;
  std::optional<std::chrono::nanoseconds> stale_if_error;  // unset: no status stands in for an error
  Metadata metadata;  // the call's own, normalised; the defaults' are the client's
  TraceContext trace_context;
};

// What the calls of a client start from: its options over the built-in values, brought into the form of a
// call once. Of options that ValidateClientOptions lets pass.
EffectiveOptions DefaultsOf(const ClientOptions& options);

// True when a call with these options is made as the defaults say.
bool SetsNothing(const CallOptions& call);

// Call > defaults. Allocates nothing for a call that sets no metadata. Errors: INVALID_ARGUMENT naming the
// option of the call.
absl::StatusOr<EffectiveOptions> Resolve(const CallOptions& call, const EffectiveOptions& defaults);

// Every entry in wire form. Errors: INVALID_ARGUMENT naming the key.
absl::StatusOr<Metadata> NormalizeMetadata(const Metadata& metadata);

// True when it names who calls, in wire form.
bool HasAuthorization(const Metadata& metadata);

// Errors: INVALID_ARGUMENT naming the option.
absl::Status ValidateClientOptions(const ClientOptions& options);

}  // namespace dispatchctl::internal
