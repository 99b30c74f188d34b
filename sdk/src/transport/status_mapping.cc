#include "transport/status_mapping.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "contract/pushback.h"
#include "contract/text.h"
#include "transport/status_details.h"

namespace dispatchctl::internal {
namespace {

constexpr char kPushbackKey[] = "grpc-retry-pushback-ms";

// What pick_first, and round_robin under xDS, report when a call failed because no connection could be made.
constexpr absl::string_view kNeverConnected[] = {"failed to connect to all addresses; last error: ",
                                                 "connections to all backends failing; last error: "};

// How core marks a call that it dropped as the control plane asked it to.
constexpr absl::string_view kDropped[] = {"circuit breaker drop", "EDS-configured drop: "};

// What the generated stub makes of a reply that it cannot parse, although the server's status was OK.
constexpr absl::string_view kUnparsableReply = "No message returned for unary request";

// How core ends a call without a status of the server's: at the end of its stream, at what it cannot read as
// gRPC, and with the connection that it closed itself after bytes that are no HTTP/2.
constexpr absl::string_view kNoStatus[] = {"Stream removed", "No status received"};

// How core ends a call whose reply is larger than ClientOptions::max_receive_bytes.
constexpr absl::string_view kTooLarge = "Received message larger than max (";

// How core ends a call with more than 8 KiB of metadata, whether initial or trailing.
constexpr absl::string_view kMetadataTooLarge[] = {"received initial metadata size exceeds limit",
                                                   "received trailing metadata size exceeds limit"};

// How core ends a call that is above the last one which the server's GOAWAY answers for, or had not been
// sent.
constexpr absl::string_view kGoAway = "GOAWAY received";

template <std::size_t kCount>
bool IsOneOf(absl::string_view text, const absl::string_view (&words)[kCount]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

// How core words an UNAVAILABLE of its own: the connection broke, timed out or was told to go away under the
// call. It marks it as from the peer all the same.
bool IsConnectionLoss(absl::string_view message) {
  if (!absl::ConsumePrefix(&message, "recvmsg:")) absl::ConsumePrefix(&message, "sendmsg:");
  constexpr absl::string_view kWhole[] = {"Socket closed",
                                          "Connection reset by peer",
                                          "Broken pipe",
                                          "Connection timed out",
                                          "No route to host",
                                          "Network is unreachable",
                                          "keepalive watchdog timeout",
                                          "Transport closed",
                                          "Endpoint read failed"};
  constexpr absl::string_view kBegins[] = {kGoAway, "Delayed close due to"};
  return IsOneOf(message, kWhole) ||
         std::any_of(std::begin(kBegins), std::end(kBegins),
                     [&](absl::string_view begin) { return absl::StartsWith(message, begin); });
}

// How core marks a status that came over the wire.
constexpr absl::string_view kFromPeer = "Error received from peer";

// Connection errors whose text shows that TCP was up and TLS was not.
bool IsTlsError(absl::string_view cause, bool tls) {
  if (absl::StrContains(cause, "Ssl handshake") || absl::StrContains(cause, "Peer name") ||
      absl::StrContains(cause, "Cannot check peer")) {
    return true;
  }
  return tls && (absl::StrContains(cause, "andshake") || absl::StrContains(cause, "Socket closed") ||
                 absl::StrContains(cause, "Connection reset"));
}

// "UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: Connection refused" -> "Connection refused"
std::string CauseOf(absl::string_view last_error, std::string_view endpoint, bool tls) {
  const std::size_t address = last_error.find(View(endpoint));
  if (address != absl::string_view::npos) {
    last_error.remove_prefix(address + endpoint.size());
    absl::ConsumePrefix(&last_error, ": ");
  }
  absl::ConsumePrefix(&last_error, "Failed to connect to remote host: ");
  if (last_error == "Socket closed") {
    return tls ? "the server closed the connection during the TLS handshake"
               : "the server closed the connection during the HTTP/2 handshake";
  }
  if (absl::StrContains(last_error, "before receiving SETTINGS")) {
    return "timed out waiting for the server's HTTP/2 settings";
  }
  if (last_error == "Handshake read failed" || last_error == "Handshake timed out") {
    return "timed out during the TLS handshake";
  }
  return std::string(last_error);
}

// Where a control plane tells core what the servers are. Without its word core fails calls before they are
// sent.
bool IsXds(std::string_view endpoint) {
  return absl::StartsWith(View(endpoint), "xds:");
}

absl::StatusCode ToAbslCode(int code) {
  // A server may send any number.
  if (code < 0 || code > static_cast<int>(grpc::StatusCode::UNAUTHENTICATED))
    return absl::StatusCode::kUnknown;
  return static_cast<absl::StatusCode>(code);
}

}  // namespace

AttemptEnd UnparsableReply() {
  return {absl::DataLossError("the server's reply could not be decoded"), Phase::kCall, Origin::kLocal};
}

AttemptEnd MissingReply() {
  return {absl::DataLossError("the server ended the call with OK and without a whole reply"), Phase::kCall,
          Origin::kLocal};
}

AttemptEnd DescribeEnd(int code, const std::string& message, std::string_view debug,
                       std::string_view endpoint, bool tls) {
  if (code == 0) return {absl::OkStatus(), Phase::kCall, Origin::kServer};

  absl::string_view text = message;
  if (code == static_cast<int>(grpc::StatusCode::UNAVAILABLE) &&
      std::any_of(std::begin(kNeverConnected), std::end(kNeverConnected),
                  [&](absl::string_view begin) { return absl::ConsumePrefix(&text, begin); })) {
    const Phase phase = IsTlsError(text, tls) ? Phase::kTls : Phase::kConnect;
    return {absl::UnavailableError(
                absl::StrCat("cannot connect to ", View(endpoint), ": ", CauseOf(text, endpoint, tls))),
            phase, Origin::kLocal};
  }
  if (code == static_cast<int>(grpc::StatusCode::UNAVAILABLE) && IsConnectionLoss(text)) {
    AttemptEnd end{absl::UnavailableError(message), Phase::kCall, Origin::kLocal};
    end.unseen = absl::StartsWith(text, kGoAway);
    return end;
  }
  if (code == static_cast<int>(grpc::StatusCode::UNKNOWN) && IsOneOf(text, kNoStatus)) {
    return {absl::UnknownError("the call ended without a status: what came is not gRPC"), Phase::kCall,
            Origin::kLocal};
  }
  // A limit of this side, although core words it as if the peer had said so.
  if (code == static_cast<int>(grpc::StatusCode::RESOURCE_EXHAUSTED) &&
      (absl::StartsWith(text, kTooLarge) || IsOneOf(text, kMetadataTooLarge))) {
    return {absl::ResourceExhaustedError(message), Phase::kCall, Origin::kLocal};
  }
  if (absl::StrContains(View(debug), kFromPeer)) {
    return {absl::Status(ToAbslCode(code), message), Phase::kCall, Origin::kServer};
  }
  if (code == static_cast<int>(grpc::StatusCode::UNAVAILABLE) && IsXds(endpoint) &&
      std::none_of(std::begin(kDropped), std::end(kDropped),
                   [&](absl::string_view begin) { return absl::StartsWith(text, begin); })) {
    return {absl::UnavailableError(absl::StrCat("cannot resolve ", View(endpoint), ": ", text)),
            Phase::kResolve, Origin::kLocal};
  }
  if (code == static_cast<int>(grpc::StatusCode::UNIMPLEMENTED) && text == kUnparsableReply) {
    return UnparsableReply();
  }
  return {absl::Status(ToAbslCode(code), message), Phase::kCall, Origin::kLocal};
}

AttemptEnd DescribeEnd(const grpc::Status& status, const grpc::ClientContext& context,
                       std::string_view endpoint, bool tls) {
  if (status.ok()) return {absl::OkStatus(), Phase::kCall, Origin::kServer};
  AttemptEnd end = DescribeEnd(static_cast<int>(status.error_code()), status.error_message(),
                               context.debug_error_string(), endpoint, tls);
  AttachDetails(status.error_details(), end.status);
  const auto& trailers = context.GetServerTrailingMetadata();
  if (const auto found = trailers.find(kPushbackKey); found != trailers.end()) {
    const auto pushback = ParsePushback(std::string_view(found->second.data(), found->second.size()));
    end.pushback = pushback->delay.value_or(std::chrono::milliseconds(-1));
  }
  return end;
}

}  // namespace dispatchctl::internal
