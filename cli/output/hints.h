#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>
#include <dispatchctl/connection_diagnosis.h>

#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// What is known of a failed call when a hint is looked for.
struct HintQuestion {
  Phase phase = Phase::kCall;
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string_view message{};
  bool tls = false;
  std::string_view target{};
  std::string_view token_file{};
};

/// What the user could try next; empty when nothing better than the message can be said.
std::string HintFor(const HintQuestion& question);

/// The same for what is known to keep TLS from coming about.
std::string HintFor(ConnectionProblem problem);

}  // namespace dispatchctl::cli
