#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace bff {

inline constexpr std::string_view kProblemMediaType = "application/problem+json";

/// What went wrong on the other side of gRPC.
struct Cause {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;
  dispatchctl::Phase phase = dispatchctl::Phase::kCall;
  dispatchctl::Origin origin = dispatchctl::Origin::kLocal;
  int attempts = 0;
};

/// An error as HTTP clients get it (RFC 9457).
struct Problem {
  int status = 500;    ///< of the HTTP response, or of one record of several
  std::string detail;  ///< a sentence for people
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;
  std::optional<Cause> cause = std::nullopt;  ///< unset: the request never became a call
};

/// The HTTP status for a call that ended with `code`: google.rpc.Code's mapping, but for what is between this
/// program and the service and none of its caller's business. OK gives 200.
int HttpStatusOf(absl::StatusCode code, dispatchctl::Origin origin);

/// The HTTP standard's phrase; "Error" for a status that this program never sends.
std::string_view ReasonPhrase(int http_status);

/// What a failed call is to the HTTP client. `status` must not be OK.
Problem ProblemOf(const absl::Status& status, const dispatchctl::CallReport& report);

/// The members of application/problem+json: type, title, status, detail, then retry_after_ms and cause where
/// there are any.
nlohmann::ordered_json ToJson(const Problem& problem);

/// The value of Retry-After: seconds, rounded up, at least 1.
std::string RetryAfterSeconds(std::chrono::milliseconds delay);

/// JSON in one line. What is not UTF-8 is replaced (U+FFFD).
std::string Dump(const nlohmann::ordered_json& json);

}  // namespace bff
