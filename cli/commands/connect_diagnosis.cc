#include "commands/connect_diagnosis.h"

#include <dispatchctl/connection_diagnosis.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "commands/client_setup.h"
#include "config/flag_names.h"
#include "output/hints.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::milliseconds;

// With less there is no handshake to be hoped for.
constexpr milliseconds kLeastTime{50};

milliseconds TimeLeft(const GlobalOptions& global, const ErrorReport& error) {
  const auto spent = std::chrono::duration<double, std::milli>(error.elapsed_ms.value_or(0));
  return std::chrono::ceil<milliseconds>(global.connect_timeout) -
         std::chrono::duration_cast<milliseconds>(spent);
}

// The server has answered in TLS, whatever came of it.
bool SpeaksTls(const ConnectionDiagnosis& diagnosis) {
  switch (diagnosis.problem) {
    case ConnectionProblem::kNone:
    case ConnectionProblem::kProtocolVersion:
    case ConnectionProblem::kClientCertificateMissing:
    case ConnectionProblem::kNoHttp2:
      return true;
    default:
      return !diagnosis.chain.empty();
  }
}

}  // namespace

void ListChain(const Console& console, const ConnectionDiagnosis& diagnosis) {
  for (const CertificateSummary& certificate : diagnosis.chain) {
    console.Detail(fmt::format("certificate {} from {}, valid from {} to {}{}{}", certificate.subject,
                               certificate.issuer, UtcDay(certificate.not_before),
                               UtcDay(certificate.not_after), certificate.names.empty() ? "" : ", for ",
                               fmt::join(certificate.names, ", ")));
  }
}

void ExplainConnectError(const GlobalOptions& global, const Console& console, ErrorReport& error) {
  if (error.kind != ErrorKind::kConnect || error.peer.empty()) return;
  const bool tls = UsesTls(global);
  const bool refused = error.message.find("refused") != std::string::npos ||
                       error.message.find("No such file") != std::string::npos;
  const std::string_view phase = tls ? PhaseName(Phase::kTls) : PhaseName(Phase::kConnect);
  const milliseconds left = TimeLeft(global, error);
  if (refused || error.phase != phase || left < kLeastTime) return;

  ClientOptions options;
  options.target = global.server;
  options.tls = TlsOptionsOf(global);
  const ConnectionDiagnosis diagnosis = DiagnoseTls(options, error.peer, left);
  ListChain(console, diagnosis);
  std::string cause;
  if (!tls) {
    if (!SpeaksTls(diagnosis)) return;
    cause = "the server speaks TLS, and was spoken to in plaintext";
    error.hint = "try --tls";
  } else if (diagnosis.problem == ConnectionProblem::kNone ||
             diagnosis.problem == ConnectionProblem::kOther ||
             diagnosis.problem == ConnectionProblem::kNotConnected) {
    // Nothing that would tell more than what gRPC has said.
    return;
  } else {
    cause = WithFlagName(diagnosis.cause);
    if (std::string hint = HintFor(diagnosis.problem); !hint.empty()) error.hint = std::move(hint);
  }
  console.Detail(fmt::format("gRPC: {}", error.message));
  error.message = fmt::format("cannot connect to {}: {}", error.peer, cause);
  error.phase = PhaseName(Phase::kTls);
  error.retryable = false;
}

}  // namespace dispatchctl::cli
