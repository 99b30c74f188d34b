#include "output/hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace dispatchctl::cli {
namespace {

bool Mentions(std::string_view message, std::initializer_list<std::string_view> words) {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return std::search(message.begin(), message.end(), word.begin(), word.end(), same) != message.end();
  });
}

std::string ResolveHint(const HintQuestion& question) {
  if (question.target.starts_with("xds:")) {
    return "check GRPC_XDS_BOOTSTRAP, the control plane that this file names, and what it knows of the "
           "service";
  }
  return fmt::format("check the name in {}; is it spelled right, and does this network know it?",
                     question.target);
}

// Which of them gRPC's own words speak of.
ConnectionProblem ConnectionProblemIn(std::string_view message) {
  if (Mentions(message, {"WRONG_VERSION_NUMBER", "wrong version number", "packet length too long",
                         "unexpected message", "record layer"})) {
    return ConnectionProblem::kNotTls;
  }
  if (Mentions(message, {"hostname", "host name", "does not match", "peer name"}))
    return ConnectionProblem::kWrongName;
  if (Mentions(message, {"expired", "not yet valid"})) return ConnectionProblem::kExpired;
  if (Mentions(message, {"certificate required", "handshake failure", "bad certificate",
                         "CERTIFICATE_REQUIRED", "unknown ca"})) {
    return ConnectionProblem::kClientCertificateMissing;
  }
  if (Mentions(message, {"protocol version", "unsupported protocol"}))
    return ConnectionProblem::kProtocolVersion;
  if (Mentions(message, {"certificate", "CERTIFICATE_VERIFY_FAILED", "self signed", "self-signed", "issuer",
                         "verify"})) {
    return ConnectionProblem::kUntrusted;
  }
  if (Mentions(message, {"ALPN"})) return ConnectionProblem::kNoHttp2;
  return ConnectionProblem::kOther;
}

std::string TlsHint(const HintQuestion& question) {
  if (std::string hint = HintFor(ConnectionProblemIn(question.message)); !hint.empty()) return hint;
  return "check --cacert, --server-name, --cert and --key; if the server does not speak TLS, try --plaintext";
}

std::string ConnectHint(const HintQuestion& question) {
  if (Mentions(question.message, {"refused", "No such file"})) {
    return fmt::format("is the server running at {}?", question.target);
  }
  if (Mentions(question.message, {"unreachable", "No route"})) {
    return fmt::format("is there a way from this network to {}?", question.target);
  }
  if (question.code == absl::StatusCode::kDeadlineExceeded ||
      Mentions(question.message, {"timed out", "timeout", "time-out", "deadline"})) {
    return "nothing answered: check the address and any firewall, or give more time with --connect-timeout";
  }
  if (question.tls) return TlsHint(question);
  // Something accepted the connection and then did not speak plaintext HTTP/2.
  return "something is listening but does not speak plaintext HTTP/2: if it speaks TLS, try --tls";
}

std::string ConnectPhaseHint(const HintQuestion& question) {
  // A TLS server drops plaintext, or waits for a hello that never comes: gRPC then speaks of SETTINGS.
  if (!question.tls && Mentions(question.message, {"SETTINGS", "Socket closed", "reset by peer", "TLS",
                                                   "handshake", "Trying to connect an http1.x server"})) {
    return "something is listening but does not speak plaintext HTTP/2: if it speaks TLS, try --tls";
  }
  return ConnectHint(question);
}

// Why the client did not try (again), where the message says so.
std::string GivenUpHint(const HintQuestion& question) {
  if (Mentions(question.message, {"circuit breaker"})) {
    return "calls to these endpoints kept failing, so they are left alone for a few seconds: try again then";
  }
  if (Mentions(question.message, {"retry budget", "too many retries"})) {
    return "so many calls fail that retries would only add to the load: try again when the service is well";
  }
  if (Mentions(question.message, {"asked not to retry"})) {
    return "the server wants no retries for now: try again later";
  }
  if (Mentions(question.message, {"after the deadline"})) {
    return "give the call more time with --timeout";
  }
  if (Mentions(question.message, {"no attempts left"})) {
    return question.code == absl::StatusCode::kDeadlineExceeded
               ? "give each attempt more time with --attempt-timeout, or allow more with --max-attempts"
               : "try again later, or allow more attempts with --max-attempts";
  }
  return {};
}

}  // namespace

std::string HintFor(ConnectionProblem problem) {
  switch (problem) {
    case ConnectionProblem::kNotTls:
      return "the server does not seem to speak TLS: try --plaintext";
    case ConnectionProblem::kProtocolVersion:
      return "only the server's operator can help: it needs TLS 1.2 or later";
    case ConnectionProblem::kUntrusted:
    case ConnectionProblem::kSelfSigned:
      return "the certificate is not trusted here: give its authority with --cacert";
    case ConnectionProblem::kExpired:
    case ConnectionProblem::kNotYetValid:
      return "the server's certificate is out of date, or this machine's clock is wrong";
    case ConnectionProblem::kWrongName:
      return "the certificate is for another name: give the name it is for with --server-name";
    case ConnectionProblem::kClientCertificateMissing:
      return "the server may want a client certificate: give one with --cert and --key";
    case ConnectionProblem::kClientCertificateRefused:
      return "give a client certificate from an authority that the server trusts, and that is still valid";
    case ConnectionProblem::kNoHttp2:
      return "the server does not offer HTTP/2: is it a gRPC port?";
    case ConnectionProblem::kTlsExpected:
      return "try --tls";
    case ConnectionProblem::kTimedOut:
      return "nothing answered: check the address, or give more time with --connect-timeout";
    case ConnectionProblem::kNone:
    case ConnectionProblem::kLocalFiles:
    case ConnectionProblem::kNotConnected:
    case ConnectionProblem::kClosed:
    case ConnectionProblem::kOther:
      break;
  }
  return {};
}

std::string HintFor(const HintQuestion& question) {
  switch (question.phase) {
    case Phase::kResolve:
      return ResolveHint(question);
    case Phase::kConnect:
      return ConnectPhaseHint(question);
    case Phase::kTls:
      return question.tls ? TlsHint(question) : ConnectPhaseHint(question);
    case Phase::kArguments:
    case Phase::kCall:
    case Phase::kStream:
    case Phase::kDrain:
      break;
  }
  // More to the point than that there were no more attempts.
  if (Mentions(question.message, {"what came is not gRPC"})) {
    return fmt::format("is it a Dispatch service that listens at {}?", question.target);
  }
  if (std::string hint = GivenUpHint(question); !hint.empty()) return hint;
  switch (question.code) {
    case absl::StatusCode::kUnimplemented:
      return "the server does not offer this method: is it a Dispatch service, and recent enough?";
    case absl::StatusCode::kUnauthenticated:
      if (!question.token_file.empty()) {
        return fmt::format("the server does not accept the token in {}: has it expired?",
                           question.token_file);
      }
      return "send a bearer token with --token-file FILE, or other credentials with -H @FILE";
    case absl::StatusCode::kPermissionDenied:
      return "the server knows who you are but does not allow this";
    case absl::StatusCode::kDeadlineExceeded:
      return "give the call more time with --timeout";
    case absl::StatusCode::kResourceExhausted:
      if (Mentions(question.message, {"larger than max", "message larger"})) {
        return "accept larger messages with --max-recv-bytes";
      }
      if (Mentions(question.message, {"metadata size exceeds limit"})) {
        return "only the server's operator can help: it sends more metadata than the 8 KiB that gRPC takes";
      }
      return "the server is limiting its load: try again later, or with a smaller --parallel or --window";
    case absl::StatusCode::kUnavailable:
      return "the connection broke or the server turned the call away: try again";
    default:
      return {};
  }
}

}  // namespace dispatchctl::cli
