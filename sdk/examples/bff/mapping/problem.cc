#include "mapping/problem.h"

#include <algorithm>

namespace bff {

int HttpStatusOf(absl::StatusCode code, dispatchctl::Origin origin) {
  const bool from_server = origin == dispatchctl::Origin::kServer;
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      // Of this side: an answer larger than it takes.
      return from_server ? 429 : 502;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      // The credentials that were refused are this program's, not its caller's.
      return 502;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      // An HTTP client that cancels reads no answer: whoever sees this was cut off by a shutdown.
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

std::string_view ReasonPhrase(int http_status) {
  switch (http_status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Error";
  }
}

Problem ProblemOf(const absl::Status& status, const dispatchctl::CallReport& report) {
  return {.status = HttpStatusOf(status.code(), report.origin),
          .detail = std::string(status.message()),
          .retry_after = report.retry_after,
          .cause = Cause{.code = status.code(),
                         .message = std::string(status.message()),
                         .phase = report.phase,
                         .origin = report.origin,
                         .attempts = report.attempts}};
}

nlohmann::ordered_json ToJson(const Problem& problem) {
  nlohmann::ordered_json json = {{"type", "about:blank"},
                                 {"title", ReasonPhrase(problem.status)},
                                 {"status", problem.status},
                                 {"detail", problem.detail}};
  if (problem.retry_after) json["retry_after_ms"] = problem.retry_after->count();
  if (problem.cause) {
    json["cause"] = {{"code", absl::StatusCodeToString(problem.cause->code)},
                     {"message", problem.cause->message},
                     {"phase", dispatchctl::PhaseName(problem.cause->phase)},
                     {"origin", dispatchctl::OriginName(problem.cause->origin)},
                     {"attempts", problem.cause->attempts}};
  }
  return json;
}

std::string RetryAfterSeconds(std::chrono::milliseconds delay) {
  return std::to_string(
      std::max<std::chrono::seconds::rep>(1, std::chrono::ceil<std::chrono::seconds>(delay).count()));
}

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace bff
